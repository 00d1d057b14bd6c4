import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { BUS_ERRORS } from '@headrace/bus';
import { ChannelError, EncodeError, OptionError, TimedOutError } from '@headrace/core';
import type { ConnectionTarget } from '@headrace/gateway';
import { clusterApi } from '@headrace/gateway/http';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/http/api-routes.ts';
import { apiWorld, KEY } from './api-world.ts';

const HI = { to: { all: true }, message: 'hi' };
const busDown = () => {
  throw new ChannelError(BUS_ERRORS.BUS_DOWN, 'the bus is down', { bus: 'memory' });
};

describe('clusterApi', () => {
  it.each<ConnectionTarget>([
    { group: 'lobby' },
    { user: 'ann' },
    { connection: `${'f'.repeat(32)}:1` },
    { all: true },
  ])('publishes to %j, and says how many connections and nodes took it', async (to) => {
    const { post, noted } = await apiWorld();
    const message = { text: 'hi', n: [1] };
    const { status, value, headers } = await post('/publish', { to, message });
    expect([status, value]).toEqual([200, { delivered: 3 }]);
    expect(headers.get('headrace-nodes')).toBe('2');
    expect(headers.get('content-type')).toBe('application/json');
    expect(noted).toEqual([['publish', to, message]]);
  });

  it('ends connections, with a last message or without', async () => {
    const { post, noted } = await apiWorld();
    const to = { user: 'ann' };
    expect((await post('/disconnect', { to })).value).toEqual({ closed: 3 });
    expect((await post('/disconnect', { to, message: 'bye' })).value).toEqual({ closed: 3 });
    expect(noted).toEqual([
      ['close', to, undefined],
      ['close', to, 'bye'],
    ]);
    const { code, value } = await post('/disconnect', { to, message: null });
    expect([code, value.error.message]).toEqual([
      'WRONG_MESSAGE',
      'message is null, but must be a text or other JSON; leave it out for none',
    ]);
    expect((await post('/disconnect', {})).code).toBe('NO_OBJECT');
  });

  it('lists the members', async () => {
    const { ask, noted } = await apiWorld();
    expect((await ask('/groups/l%C3%B6bby?x=1')).value).toEqual({ count: 3 });
    expect((await ask('/users/a%2Fb')).value).toEqual({ online: true });
    expect((await ask('/connections/7:1')).value).toEqual({ online: true });
    expect(noted.map(([, to]) => to)).toEqual([
      { group: 'löbby' },
      { user: 'a/b' },
      { connection: '7:1' },
    ]);
  });

  it('takes each of its keys, and no other', async () => {
    const { ask } = await apiWorld({ keys: ['old', KEY] });
    for (const key of ['old', KEY]) expect((await ask('/users/ann', {}, key)).status).toBe(200);
    for (const key of ['', 'ol', 'old ', `old ${KEY}`, 'undefined']) {
      const { status, code, headers } = await ask('/users/ann', {}, `x${key}`);
      expect([key, status, code]).toEqual([key, 401, 'WRONG_KEY']);
      expect(headers.get('www-authenticate')).toBe('Bearer');
    }
    expect((await ask('/users/ann', { headers: { authorization: 'Basic old' } })).status).toBe(401);
    expect((await ask('/nothing', {}, 'wrong')).status).toBe(401);
  });

  it.each([[], [''], ['two words'], [7], undefined, 'key'])('refuses the keys %j', (keys) => {
    const connections = { publish: () => {} };
    expect(() => clusterApi({ connections, keys } as never)).toThrow(OptionError);
  });

  it.each([
    ['', 'NOT_JSON'],
    [new Uint8Array([0x22, 0xff, 0x22]), 'NOT_JSON'],
    ['[]', 'WRONG_MESSAGE'],
    ['"text"', 'NO_OBJECT'],
    ['{"message":"hi"}', 'NO_OBJECT'],
    ['{"to":{"all":true},"message":null}', 'WRONG_MESSAGE'],
    ['{"to":{"all":true},"message":"hi","excpet":[]}', 'UNKNOWN_MEMBER'],
    ['{"to":{"all":true},"message":"hi","__proto__":{}}', 'UNKNOWN_MEMBER'],
    ['{"to":{"__proto__":{"all":true}},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"all":false},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"constructor":"x"},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"group":"a","user":"b"},"message":"hi"}', 'WRONG_TARGET'],
    ['{"to":{"group":""},"message":"hi"}', 'WRONG_NAME'],
    ['{"to":{"group":"\\ud800"},"message":"hi"}', 'WRONG_NAME'],
  ])('refuses the body %j with %s', async (body, expected) => {
    const { post, noted } = await apiWorld();
    const { status, code, value } = await post('/publish', body);
    expect([status, code]).toEqual([400, expected]);
    expect(value.error.message).not.toBe('');
    expect(noted).toEqual([]);
  });

  it('names what a message is, and what it must be', async () => {
    const { post } = await apiWorld();
    const { to } = HI;
    expect((await post('/publish', { to, message: null })).value.error.message).toBe(
      'message is null, but must be a text or other JSON',
    );
    expect((await post('/publish', { to })).value.error.message).toBe(
      'message is missing, but must be a text or other JSON',
    );
  });

  it('answers HEAD where it answers GET, with the same status and without a body', async () => {
    const { port } = await apiWorld();
    const status = async (method: string, path: string, key = KEY) => {
      const abort = new AbortController();
      const { signal } = abort;
      const url = `http://127.0.0.1:${port}${path}`;
      const authorization = `Bearer ${key}`;
      const answer = await fetch(url, { method, headers: { authorization }, signal });
      const body = method === 'HEAD' ? await answer.text() : '';
      abort.abort();
      return [path, answer.status, answer.headers.get('content-type'), body];
    };
    for (const { method, path } of ROUTES) {
      if (method === 'POST') continue;
      const asked = path.replaceAll(/\{\w+\}/g, 'x').replace('/events', '/events?group=x');
      expect(await status('HEAD', asked)).toEqual(await status('GET', asked));
      expect(await status('HEAD', asked, 'wrong')).toEqual(await status('GET', asked, 'wrong'));
    }
    expect(await status('HEAD', '/openapi.json')).toEqual(await status('GET', '/openapi.json'));
  });

  it('names what is at no path, and what has another method', async () => {
    const { ask } = await apiWorld();
    for (const path of ['/', '/groups', '/groups/', '/groups/a/b', '/publish/x', '/__proto__/a']) {
      const { status, code } = await ask(path);
      expect([path, status, code]).toEqual([path, 404, 'NOT_FOUND']);
    }
    const { status, headers } = await ask('/publish');
    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
    const put = await ask('/count', { method: 'PUT' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const names = ['%ff', '%ed%a0%80', 'x'.repeat(1025)];
    for (const name of names) expect((await ask(`/groups/${name}`)).code).toBe('WRONG_NAME');
    expect((await ask(`/groups/${'x'.repeat(1024)}`)).status).toBe(200);
  });

  it('refuses a body above its limit, with its length given or not, and answers the next one', async () => {
    const maxBodyBytes = JSON.stringify(HI).length;
    const { post, open, noted } = await apiWorld({ maxBodyBytes });
    expect((await post('/publish', HI)).status).toBe(200);
    const long = await post('/publish', { ...HI, message: 'hi!' });
    expect([long.status, long.code]).toEqual([413, 'BODY_TOO_LONG']);
    const chunked = open('/publish');
    chunked.on('error', () => {});
    chunked.write('x'.repeat(maxBodyBytes));
    chunked.write('x');
    const [response] = await once(chunked, 'response');
    expect(response.statusCode).toBe(413);
    chunked.destroy();
    expect((await post('/publish', HI)).status).toBe(200);
    expect(noted).toHaveLength(2);
  });

  it('takes a body in many small parts, of any content type, and none that is compressed', async () => {
    const { open, post } = await apiWorld();
    const slow = open('/publish', { 'content-type': 'text/plain' });
    slow.setNoDelay(true);
    for (const part of JSON.stringify({ ...HI, message: 'x'.repeat(200) })) slow.write(part);
    slow.end();
    const [response] = await once(slow, 'response');
    expect(JSON.parse(await text(response))).toEqual({ delivered: 3 });
    const zipped = await post('/publish', HI, { 'content-encoding': 'gzip' });
    expect([zipped.status, zipped.code]).toEqual([415, 'ENCODED_BODY']);
  });

  it('limits the rate of each key, and says when the next request is taken', async () => {
    const keys = [KEY, 'other'];
    const { ask, clock } = await apiWorld({ keys, requestsPerSecond: 0.5, requestBurst: 2 });
    for (const status of [200, 404]) {
      expect((await ask(status === 200 ? '/users/a' : '/x')).status).toBe(status);
    }
    const late = await ask('/users/a');
    expect([late.status, late.code]).toEqual([429, 'TOO_MANY_REQUESTS']);
    expect(late.headers.get('retry-after')).toBe('2');
    expect((await ask('/users/a', {}, 'other')).status).toBe(200);
    clock.advance(2000);
    expect((await ask('/users/a')).status).toBe(200);
  });

  it('takes a target in absolute form, which proxies send', async () => {
    const world = await apiWorld();
    const socket = connect(world.port, '127.0.0.1');
    const head = (target: string, more = '') =>
      `GET ${target} HTTP/1.1\r\nhost: api.example\r\nauthorization: Bearer ${KEY}\r\n${more}\r\n`;
    const targets = ['http://api.example/users/a%2Fb?x=1', 'HTTP://api.example:80/openapi.json'];
    socket.write(targets.map((target) => head(target)).join(''));
    socket.write(head('http://api.example', 'connection: close\r\n'));
    const answers = await text(socket);
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'HTTP/1.1 404',
    ]);
    expect(world.noted).toEqual([['count', { user: 'a/b' }]]);
  });

  it('answers so many requests at a time, pipelined ones too', async () => {
    const world = await apiWorld({ maxRequests: 2 });
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    world.connections.fail = () => gate;
    const socket = connect(world.port, '127.0.0.1');
    const head = `GET /users/a HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEY}\r\n`;
    socket.write(`${head}\r\n${head}\r\n${head}connection: close\r\n\r\n`);
    await expect.poll(() => world.noted.length).toBe(2);
    const third = await world.ask('/users/a');
    expect([third.status, third.code]).toEqual([503, 'BUSY']);
    expect(third.headers.get('retry-after')).toBe('1');
    go();
    const answers = await text(socket);
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toEqual(
      ['200', '200', '503'].map((status) => `HTTP/1.1 ${status}`),
    );
    expect((await world.ask('/users/a')).status).toBe(200);
  });

  it.each([
    [busDown, 503, 'HR_ERR_BUS_DOWN', undefined],
    [
      () => {
        throw new TimedOutError('TIMEOUT_REQUEST', 'late', { gateways: 'a', count: 2 });
      },
      503,
      'HR_ERR_TIMEOUT_REQUEST',
      2,
    ],
    [
      () => {
        throw new EncodeError('MESSAGE_TOO_LONG', 'too long');
      },
      413,
      'MESSAGE_TOO_LONG',
      undefined,
    ],
    [
      () => {
        throw new OptionError('OPTION_INVALID', 'connection must be the id of a connection');
      },
      400,
      'WRONG_NAME',
      undefined,
    ],
  ])('answers an error of the cluster: %#', async (fail, status, code, done) => {
    const { post, connections, lines } = await apiWorld();
    connections.fail = fail;
    const answer = await post('/publish', HI);
    expect([answer.status, answer.code, answer.value.done]).toEqual([status, code, done]);
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '1' : null);
    expect(lines).toEqual([]);
  });

  it('logs an unexpected error, and does not send it to the client', async () => {
    const { post, connections, lines } = await apiWorld();
    connections.fail = () => {
      throw new Error('the password is 1234');
    };
    const { status, code, value } = await post('/publish', HI);
    expect([status, code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(value)).not.toContain('1234');
    expect(lines).toEqual(['the HTTP API of the cluster failed: the password is 1234']);
  });

  it('lets the program name the connections, and refuse names and messages', async () => {
    const { post, ask, noted } = await apiWorld({
      target: (to) =>
        'group' in to ? { group: `room-${to.group}` } : { code: 'NO_ROOM', message: 'rooms only' },
      checkMessage: (message) =>
        message === 'bad' ? { code: 'BAD_WORD', message: 'no bad words' } : undefined,
    });
    const to = { group: 'a' };
    await post('/publish', { to, message: 'hi' });
    await ask('/groups/a');
    expect(noted.map(([, target]) => target)).toEqual([{ group: 'room-a' }, { group: 'room-a' }]);
    const word = await post('/publish', { to, message: 'bad' });
    expect([word.status, word.value]).toEqual([
      400,
      { error: { code: 'BAD_WORD', message: 'no bad words' } },
    ]);
    expect((await ask('/users/a')).code).toBe('NO_ROOM');
    expect((await post('/disconnect', { to, message: 'bad' })).code).toBe('BAD_WORD');
    expect(noted).toHaveLength(2);
  });

  it.each([{ gruop: 'a' }, { group: '' }, { group: 7 }])(
    'answers 500, and logs why, when target makes %j of a right name',
    async (meant) => {
      const { ask, post, lines, connections } = await apiWorld({ target: () => meant as never });
      const why = 'to is a connection, a user, a group, or all';
      connections.fail = () => {
        throw new OptionError('OPTION_INVALID', why, { option: 'to' });
      };
      const to = { group: 'a' };
      const single = [await post('/publish', { to, message: 1 }), await ask('/groups/a')];
      expect(single.map(({ status, code }) => [status, code])).toEqual([
        [500, 'INTERNAL'],
        [500, 'INTERNAL'],
      ]);
      const closed = await post('/disconnect', { to });
      const { results } = (await post('/batch', { messages: [{ to, message: 1 }] })).value;
      expect([closed.code, results[0].error.code]).toEqual(['INTERNAL', 'INTERNAL']);
      expect(lines).toHaveLength(4);
      expect(lines[0]).toContain(why);
    },
  );

  it('answers 400 for a wrong id that target only passes on', async () => {
    const { ask, lines, connections } = await apiWorld({ target: (to) => ({ ...to }) });
    connections.fail = () => {
      throw new OptionError('OPTION_INVALID', 'connection must be the id of a connection');
    };
    const { status, code } = await ask('/connections/x');
    expect([status, code, lines]).toEqual([400, 'WRONG_NAME', []]);
  });

  it('serves the other keys while one key has all its requests under way', async () => {
    const { open, ask, post } = await apiWorld({ keys: ['other', KEY], maxRequests: 3 });
    const slow = [1, 2, 3].map(() => open('/publish', { 'content-length': '100' }));
    for (const one of slow) one.on('error', () => {}).write('{"to"');
    await expect.poll(async () => (await ask('/users/a')).code).toBe('BUSY');
    expect((await ask('/users/a', {}, 'other')).status).toBe(200);
    expect((await post('/publish', HI, {}, 'other')).status).toBe(200);
    for (const one of slow) one.destroy();
  });

  it('notices a client that goes in the middle of its body', async () => {
    const { open, ask, noted } = await apiWorld({ maxRequests: 1 });
    const cut = open('/publish', { 'content-length': '100' });
    cut.on('error', () => {});
    cut.write('{"to"');
    await expect.poll(async () => (await ask('/users/a')).code).toBe('BUSY');
    cut.destroy();
    await expect.poll(async () => (await ask('/users/a')).status).toBe(200);
    expect(noted.filter(([what]) => what === 'publish')).toEqual([]);
  });
});
