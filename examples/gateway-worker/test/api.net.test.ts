// What the HTTP API answers; the connections behind it are at gateways in other tests.
import type { ConnectionTarget, JsonValue } from '@headrace/gateway';
import type { LimitedHttpServer } from '@headrace/handlers/health';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApi } from '../src/api.ts';

const KEY = 'open-sesame';
const AUTHORIZATION = `Bearer ${KEY}`;
let server: LimitedHttpServer;
let sent: [ConnectionTarget, JsonValue][] = [];

beforeAll(async () => {
  const connections = {
    publish: async (to: ConnectionTarget, message: JsonValue) => {
      sent.push([to, message]);
      return { connections: 1, nodes: 1 };
    },
    close: async () => 1,
    count: async (of: object) => ('group' in of ? 2 : 0),
  };
  server = await startApi(connections, { port: 0, key: KEY });
});
beforeEach(() => {
  sent = [];
});
afterAll(() => server.close());

async function ask(path: string, init: RequestInit = {}, authorization = AUTHORIZATION) {
  const headers = { authorization };
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers, ...init });
  const { status } = response;
  const value = (await response.json()) as { error?: { code: string; message: string } };
  return { status, value, code: value.error?.code, headers: response.headers };
}

const publish = (body: string | Uint8Array<ArrayBuffer>, authorization?: string) =>
  ask('/publish', { method: 'POST', body }, authorization);

describe('the API', () => {
  it.each([
    [{ group: 'lobby' }, { group: 'room-lobby' }],
    [{ user: 'u1' }, { user: 'uid-u1' }],
    [{ connection: '0000000a' }, { user: 'client-0000000a' }],
    [{ all: true }, { all: true }],
  ])('publishes to %j', async (to, target) => {
    const { status, value } = await publish(JSON.stringify({ to, message: 'hi "there"' }));
    expect([status, value]).toEqual([200, { delivered: 1 }]);
    expect(sent).toEqual([[target, 'hi "there"']]);
  });

  it('counts a group, and knows whether a user is there', async () => {
    expect((await ask('/groups/l%C3%B6bby')).value).toEqual({ count: 2 });
    expect((await ask('/users/u1')).value).toEqual({ online: false });
  });

  it.each(['', 'Bearer', 'Bearer open-sesam', `Basic ${KEY}`, `Bearer ${KEY} ${KEY}`])(
    'refuses the authorization %j',
    async (authorization) => {
      const body = JSON.stringify({ to: { all: true }, message: 'hi' });
      const { status, code, headers } = await publish(body, authorization);
      expect([status, code]).toEqual([401, 'WRONG_KEY']);
      expect(headers.get('www-authenticate')).toBe('Bearer');
      expect(sent).toEqual([]);
    },
  );

  it.each([
    ['', 'NOT_JSON'],
    ['{', 'NOT_JSON'],
    ['null', 'NO_OBJECT'],
    ['"text"', 'NO_OBJECT'],
    ['{"message":"hi"}', 'NO_OBJECT'],
    ['{"to":{"all":true}}', 'WRONG_MESSAGE'],
    ['{"to":{"all":true},"message":""}', 'WRONG_MESSAGE'],
    ['{"to":{"all":true},"message":{"a":1}}', 'WRONG_MESSAGE'],
    ['{"to":{"all":true},"message":"one\\ntwo"}', 'LINE_BREAK'],
    ['{"to":{"all":true},"message":"one\\rtwo"}', 'LINE_BREAK'],
    ['{"to":{},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":[],"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"all":"true"},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"everybody":true},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"group":"a","user":"b"},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"group":""},"message":"hi"}', 'WRONG_NAME'],
    ['{"to":{"group":7},"message":"hi"}', 'WRONG_NAME'],
    ['{"to":{"user":"two words"},"message":"hi"}', 'WRONG_NAME'],
  ])('refuses the body %j with %s', async (body, expected) => {
    const { status, code, value } = await publish(body);
    expect([status, code]).toEqual([400, expected]);
    expect(value.error!.message).not.toBe('');
    expect(sent).toEqual([]);
  });

  it('refuses a body above 64 KiB, with its length given or not', async () => {
    const frame = JSON.stringify({ to: { all: true }, message: '' });
    const fits = 'x'.repeat(65_536 - frame.length);
    const bodyOf = (message: string) => JSON.stringify({ to: { all: true }, message });
    expect((await publish(bodyOf(fits))).status).toBe(200);
    const { status, code } = await publish(bodyOf(`${fits}x`));
    expect([status, code]).toEqual([413, 'BODY_TOO_LONG']);
    const body = new Blob([bodyOf(`${fits}x`)]).stream();
    const chunked = await ask('/publish', { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect([chunked.status, chunked.code]).toEqual([413, 'BODY_TOO_LONG']);
    expect((await ask('/groups/lobby')).status).toBe(200);
  });

  it('names what is at no path, and what has another method', async () => {
    for (const path of ['/', '/groups', '/groups/', '/groups/a/b', '/other/a']) {
      const { status, code } = await ask(path);
      expect([path, status, code]).toEqual([path, 404, 'NOT_FOUND']);
    }
    const got = await ask('/publish');
    expect([got.status, got.code, got.headers.get('allow')]).toEqual([405, 'WRONG_METHOD', 'POST']);
    const posted = await ask('/users/u1', { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    for (const path of ['/groups/two%20words', '/groups/%ff', '/users/a%0Ab']) {
      const { status, code } = await ask(path);
      expect([path, status, code]).toEqual([path, 400, 'WRONG_NAME']);
    }
  });
});
