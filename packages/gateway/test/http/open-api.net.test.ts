import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { BUS_ERRORS } from '@headrace/bus';
import { ChannelError, EncodeError, TimedOutError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { GATEWAY_ERRORS } from '@headrace/gateway';
import { afterAll, describe, expect, it } from 'vitest';
import { noPeers } from '../../src/gateway/request-peers.ts';
import { API_ERRORS } from '../../src/http/api-error.ts';
import { ROUTES } from '../../src/http/api-routes.ts';
import { openApiDocument } from '../../src/http/open-api.ts';
import { type Answer, apiWorld, KEY, NotedConnections } from './api-world.ts';
import { schemaFaults } from './schema-check.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document of any shape
const DOCUMENT: any = openApiDocument(100, 1000);
const OUTSIDE = ['NOT_FOUND', 'WRONG_METHOD', 'BODY_CUT'];
const seen = new Set<string>();

/** Compares an answer with the document. */
function check(path: string, { status, value, headers, code }: Answer): void {
  const [operation] = Object.values(DOCUMENT.paths[path]) as [typeof DOCUMENT];
  const response = operation.responses[status];
  expect(response, `${path} ${status}`).toBeDefined();
  const { schema } = response.content['application/json'];
  expect(schemaFaults(DOCUMENT, schema, value)).toEqual([]);
  if (code !== undefined) expect(response.description).toContain(`\`${code}\``);
  const needed = Object.keys(response.headers ?? {}).filter((name) => status !== 200 && name);
  for (const name of needed) expect(headers.get(name), name).not.toBeNull();
  if (code !== undefined) seen.add(code);
}

const HI = { to: { group: 'a' }, message: 'hi' };
/** A body that the path takes. */
function bodyOf(path: string): object {
  if (path === '/session') return { to: HI.to, session: {} };
  if (path === '/join' || path === '/leave') return { to: HI.to, group: 'b' };
  return path.endsWith('bind') ? { to: HI.to, user: 'b' } : HI;
}

const urlOf = (path: string, name = 'a'): string =>
  path === '/events' ? '/events?group=a' : path.replace(/\{.*\}/, name);
const throwing = (error: Error) => () => {
  throw error;
};

describe('the description in OpenAPI', () => {
  it('is served without a key, with the limit of batches', async () => {
    const { ask } = await apiWorld({ maxBatch: 7, maxListed: 9 });
    const { status, value } = await ask('/openapi.json', { headers: { authorization: '' } });
    expect([status, value]).toEqual([200, openApiDocument(7, 9)]);
  });

  it('has all routes, and no others', () => {
    const described = Object.entries(DOCUMENT.paths as object).map(([path, item]) => {
      return `${Object.keys(item)} ${path}`;
    });
    const served = ROUTES.map(({ method, path }) => `${method.toLowerCase()} ${path}`);
    expect(described).toEqual(served);
  });

  it('refers to nothing that is not there', () => {
    const references = JSON.stringify(DOCUMENT).match(/#\/components\/schemas\/\w+/g)!;
    for (const one of new Set(references)) {
      expect(DOCUMENT.components.schemas).toHaveProperty(one.split('/').at(-1)!);
    }
  });

  it('describes what calls answer', async () => {
    const { ask, post } = await apiWorld();
    check('/publish', await post('/publish', HI));
    check('/batch', await post('/batch', { messages: [HI, {}] }));
    check('/disconnect', await post('/disconnect', { to: { all: true } }));
    for (const path of ['/join', '/leave'])
      check(path, await post(path, { to: HI.to, group: 'b' }));
    for (const path of ['/bind', '/unbind'])
      check(path, await post(path, { to: HI.to, user: 'b' }));
    check('/session', await post('/session', { to: HI.to, session: { a: 1 } }));
    for (const { method, path } of ROUTES) {
      if (method === 'GET' && path !== '/events') check(path, await ask(urlOf(path)));
    }
    check('/connections', await ask('/connections?limit=2'));
  });

  it('has an id of its own for each operation', () => {
    const operations = Object.values(DOCUMENT.paths).flatMap((path) =>
      Object.values(path as object),
    );
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ROUTES.length);
  });

  it('describes the errors of each path', async () => {
    const { ask, post } = await apiWorld({ maxBodyBytes: 1000, maxBatch: 2 });
    for (const { method, path } of ROUTES) {
      const url = urlOf(path);
      check(path, await ask(url, { method }, 'wrong'));
      if (method === 'GET') {
        if (path === '/events') check(path, await ask(path));
        if (path.includes('{')) check(path, await ask(urlOf(path, '%ff')));
        if (/connections$|info$/.test(path)) check(path, await ask(`${url}?after=no`));
        continue;
      }
      for (const body of ['{', '7', { to: HI.to, more: 1 }]) check(path, await post(url, body));
      check(path, await post(url, HI, { 'idempotency-key': 'two words' }));
      check(path, await post(url, HI, { 'content-encoding': 'br' }));
      check(path, await post(url, 'x'.repeat(1001)));
      if (path === '/batch') {
        check(path, await post(url, { messages: [] }));
        continue;
      }
      const once = { 'idempotency-key': path.slice(1) };
      const body = bodyOf(path);
      check(path, await post(url, body, once));
      check(path, await post(url, { ...body, to: { all: true } }, once));
      check(path, await post(url, { ...body, to: {} }));
      check(path, await post(url, { ...body, to: { user: '' } }));
    }
    for (const path of ['/publish', '/disconnect']) {
      check(path, await post(path, { ...HI, message: null }));
    }
    check('/session', await post('/session', { to: HI.to, session: 7 }));
  });

  it('describes the calls that connections do not offer', async () => {
    const { publish, close, count } = new NotedConnections();
    const connections = {
      publish: (to: never, message: never) => publish(to, message),
      close,
      count,
    };
    const { ask, post } = await apiWorld({ connections });
    check('/publish', await post('/publish', { ...HI, except: [{ user: 'ann' }] }));
    for (const { method, path, right } of ROUTES) {
      if (right === 'manage') check(path, await post(path, bodyOf(path)));
      if (right === 'list' || right === 'listen') check(path, await ask(urlOf(path), { method }));
    }
  });

  it('describes what a key is not allowed, on each path', async () => {
    const { ask, post } = await apiWorld({ keys: [{ key: KEY, groups: 'b' }] });
    for (const { method, path } of ROUTES) {
      if (method === 'GET') check(path, await ask(urlOf(path)));
      else if (path !== '/batch') check(path, await post(path, bodyOf(path)));
    }
    const other = await apiWorld({ keys: [{ key: KEY, may: ['disconnect'] }] });
    check('/batch', await other.post('/batch', { messages: [HI] }));
  });

  it('describes the errors of the cluster, and of limits', async () => {
    const limited = await apiWorld({ requestBurst: 1 });
    await limited.ask('/users/a');
    check('/users/{user}', await limited.ask('/users/a'));
    const { post, connections, ask, open } = await apiWorld({ maxRequests: 1 });
    const errors = [
      new ChannelError(BUS_ERRORS.BUS_DOWN, 'down'),
      new ChannelError(GATEWAY_ERRORS.GATEWAY_FAILED, 'failed', { count: 1 }),
      new TimedOutError('TIMEOUT_REQUEST', 'late', { count: 1 }),
      new EncodeError('MESSAGE_TOO_LONG', 'long'),
      new Error('a fault'),
    ];
    for (const error of errors) {
      connections.fail = throwing(error);
      check('/publish', await post('/publish', HI));
    }
    const slow = open('/publish');
    slow.write('{');
    await expect.poll(async () => (await ask('/users/a')).code).toBe('BUSY');
    check('/users/{user}', await ask('/users/a'));
    slow.end();
    await once(slow, 'response');
  });

  it('describes what a repeated request meets', async () => {
    const shared = noPeers(new VirtualClock());
    const first = Object.assign(new NotedConnections(), { peers: shared });
    first.fail = () => new Promise(() => {});
    const { post: begin } = await apiWorld({ connections: first });
    void begin('/publish', HI, { 'idempotency-key': 'a' }).catch(() => {});
    await expect.poll(() => first.noted).toHaveLength(1);
    const all = [
      [shared, 'STILL_RUNNING'],
      [{ ...shared, isGone: () => true }, 'OUTCOME_UNKNOWN'],
      [{ ...shared, store: undefined, others: 1 }, 'KEYS_NOT_SHARED'],
    ] as const;
    for (const [peers, code] of all) {
      const connections = Object.assign(new NotedConnections(), { peers });
      const { post, clock } = await apiWorld({ connections });
      const asked = post('/publish', HI, { 'idempotency-key': 'a' });
      let answer: Answer | undefined;
      void asked.then((value) => {
        answer = value;
      });
      await expect
        .poll(() => {
          clock.advance(1000);
          return answer;
        })
        .toBeDefined();
      check('/publish', answer!);
      expect(answer!.code).toBe(code);
    }
  });

  afterAll(() => {
    const all = Object.keys(API_ERRORS).filter((code) => !OUTSIDE.includes(code));
    expect(all.filter((code) => !seen.has(code))).toEqual([]);
    const sources = [
      'api-body',
      'api-keys',
      'api-operations',
      'api-routes',
      'cluster-api',
      'idempotent-requests',
    ];
    const text = sources
      .map((name) => readFileSync(new URL(`../../src/http/${name}.ts`, import.meta.url), 'utf8'))
      .join();
    // A code that nothing answers with.
    const unused = Object.keys(API_ERRORS).filter((code) => !text.includes(`'${code}'`));
    expect(unused).toEqual([]);
  });
});
