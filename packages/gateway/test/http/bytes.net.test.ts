// Bytes by HTTP: as a body, and as base64 in JSON.
import { describe, expect, it } from 'vitest';
import { apiWorld, KEY } from './api-world.ts';

const BYTES = Buffer.from([0, 0xff, 0xfe, 0x80, 0x0a, 0x22]);
const TYPE = { 'content-type': 'application/octet-stream' };
const TO = { group: 'a b' };

describe('a body of bytes', () => {
  it('is the message, to the target in the query', async () => {
    const { post, noted } = await apiWorld();
    const { status, value, headers } = await post('/publish?group=a%20b', BYTES, TYPE);
    expect([status, value, headers.get('headrace-nodes')]).toEqual([200, { delivered: 3 }, '2']);
    const type = { 'content-type': 'Application/Octet-Stream ; x=1' };
    await post('/publish?user=ann', BYTES, type);
    await post('/publish?connection=c', Buffer.alloc(0), TYPE);
    const except = encodeURIComponent(JSON.stringify([{ user: 'bob' }]));
    await post(`/publish?all=true&except=${except}`, BYTES, TYPE);
    expect((await post('/disconnect?user=ann', BYTES, TYPE)).value).toEqual({ closed: 3 });
    expect(noted).toEqual([
      ['publish', TO, BYTES],
      ['publish', { user: 'ann' }, BYTES],
      ['publish', { connection: 'c' }, Buffer.alloc(0)],
      ['publish', { all: true }, BYTES, [{ user: 'bob' }]],
      ['close', { user: 'ann' }, BYTES],
    ]);
  });

  it('is refused without one target, and with a wrong query', async () => {
    const { post, noted } = await apiWorld();
    const wrong = [
      ['', 'WRONG_TARGET'],
      ['?to=a', 'WRONG_TARGET'],
      ['?all=1', 'WRONG_TARGET'],
      ['?group=a&user=b', 'WRONG_TARGET'],
      ['?group=a&group=b', 'WRONG_TARGET'],
      ['?group=a&excpt=[]', 'WRONG_TARGET'],
      ['?group=', 'WRONG_NAME'],
      ['?group=a&except=', 'NOT_JSON'],
      ['?group=a&except={}', 'WRONG_TARGET'],
      ['?group=a&except=[{"all":true}]', 'WRONG_TARGET'],
    ];
    for (const [query, code] of wrong) {
      for (const key of [{}, { 'idempotency-key': 'a' }]) {
        const answer = await post(`/publish${query}`, BYTES, { ...TYPE, ...key });
        expect([query, answer.status, answer.code]).toEqual([query, 400, code]);
      }
    }
    expect((await post('/disconnect?group=a&except=[]', BYTES, TYPE)).code).toBe('UNKNOWN_MEMBER');
    expect(noted).toEqual([]);
  });

  it('has the limits, rules and rights of JSON', async () => {
    const key = { key: KEY, groups: 'a', may: ['publish'] as const };
    const seen: unknown[] = [];
    const { post, noted } = await apiWorld({
      keys: [key],
      maxBodyBytes: BYTES.length,
      requestBurst: 5,
      requestsPerSecond: 1,
      target: (to) => ('group' in to ? { group: `mapped ${to.group}` } : to),
      checkMessage: (message) => {
        seen.push(message);
        return Buffer.isBuffer(message) ? undefined : { code: 'NO_BYTES', message: 'no bytes' };
      },
    });
    const codes: unknown[] = [];
    for (const path of ['/publish?group=a', '/publish?group=b', '/disconnect?group=a']) {
      codes.push((await post(path, BYTES, TYPE)).code);
    }
    codes.push((await post('/publish?group=a', Buffer.alloc(7), TYPE)).code);
    codes.push(
      (await post('/publish?group=a', BYTES, { ...TYPE, 'content-encoding': 'gzip' })).code,
    );
    codes.push((await post('/publish?group=a', BYTES, TYPE)).code);
    expect(codes).toEqual([
      undefined,
      'NOT_ALLOWED',
      'NOT_ALLOWED',
      'BODY_TOO_LONG',
      'ENCODED_BODY',
      'TOO_MANY_REQUESTS',
    ]);
    expect(seen).toEqual([BYTES, BYTES]);
    expect(noted).toEqual([['publish', { group: 'mapped a' }, BYTES]]);
  });

  it('is sent once for an idempotency key, of which another target is another request', async () => {
    const { post, noted } = await apiWorld();
    const send = async (query: string, body: unknown, headers: object = TYPE) => {
      const { status, headers: answered } = await post(`/publish${query}`, body, {
        ...headers,
        'idempotency-key': 'a',
      });
      return [status, answered.get('idempotency-replayed')];
    };
    expect(await send('?group=a', BYTES)).toEqual([200, null]);
    expect(await send('?group=a', BYTES)).toEqual([200, 'true']);
    expect(await send('?group=b', BYTES)).toEqual([422, null]);
    expect(await send('?group=a', Buffer.from('other'))).toEqual([422, null]);
    expect(await send('', { to: { group: 'a' }, message: 'hi' }, {})).toEqual([422, null]);
    expect(noted).toHaveLength(1);
  });

  it('is JSON at the other paths, and the error names what bytes need', async () => {
    const { post } = await apiWorld();
    const change = { to: { user: 'ann' }, group: 'a' };
    expect((await post('/join', change, TYPE)).value).toEqual({ count: 3 });
    for (const path of ['/batch', '/publish']) {
      const { code, value } = await post(path, BYTES, path === '/batch' ? TYPE : {});
      expect([code, value.error.message]).toEqual([
        'NOT_JSON',
        'the body is not UTF-8; bytes go with content-type application/octet-stream, to /publish or /disconnect',
      ]);
    }
  });
});

describe('bytes in JSON', () => {
  const bytes = BYTES.toString('base64');

  it('are a message, in batches, too', async () => {
    const { post, noted } = await apiWorld();
    const one = { to: TO, bytes };
    expect((await post('/publish', { ...one, except: [{ user: 'b' }] })).status).toBe(200);
    const { value } = await post('/batch', {
      messages: [one, { to: TO, message: bytes }, { to: TO }],
    });
    expect(value.results.map((result: object) => Object.keys(result))).toEqual([
      ['delivered', 'nodes'],
      ['delivered', 'nodes'],
      ['error'],
    ]);
    expect((await post('/disconnect', { ...one, bytes: '' })).status).toBe(200);
    expect(noted).toEqual([
      ['publish', TO, BYTES, [{ user: 'b' }]],
      ['publish', TO, BYTES],
      ['publish', TO, bytes],
      ['close', TO, Buffer.alloc(0)],
    ]);
  });

  it('are refused if they are not base64, or stand beside a message', async () => {
    const { post, noted } = await apiWorld();
    for (const wrong of ['AAA', 'AAAA ', '-_==', 7, [], null, { a: 1 }]) {
      for (const path of ['/publish', '/disconnect']) {
        const { code, value } = await post(path, { to: TO, bytes: wrong });
        expect([code, value.error.message]).toEqual([
          'WRONG_MESSAGE',
          'bytes must be base64, with its padding',
        ]);
      }
    }
    expect((await post('/publish', { to: TO, bytes, message: 'hi' })).value.error.message).toBe(
      'either message or bytes is given',
    );
    expect(noted).toEqual([]);
  });
});
