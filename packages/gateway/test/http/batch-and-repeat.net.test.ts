import { BUS_ERRORS } from '@headrace/bus';
import { ChannelError, TimedOutError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { apiWorld, KEY } from './api-world.ts';

const HI = { to: { group: 'lobby' }, message: 'hi' };
const once = (key: string) => ({ 'idempotency-key': key });
const busDown = () => {
  throw new ChannelError(BUS_ERRORS.BUS_DOWN, 'the bus is down', { bus: 'memory' });
};
const late = () => {
  throw new TimedOutError('TIMEOUT_REQUEST', 'late', { gateways: 'a', count: 2 });
};

describe('a batch', () => {
  it('publishes in its order, and each message has its own result', async () => {
    const { post, noted } = await apiWorld();
    const wrong = { to: { group: '' }, message: 'x' };
    const { status, value } = await post('/batch', {
      messages: [{ ...HI, message: 1 }, wrong, { ...HI, message: 2 }, null],
    });
    const took = { delivered: 3, nodes: 2 };
    const refused = (code: string) => ({ error: { code, message: expect.any(String) } });
    expect(status).toBe(200);
    expect(value.results).toEqual([took, refused('WRONG_NAME'), took, refused('NO_OBJECT')]);
    expect(noted.map(([, , message]) => message)).toEqual([1, 2]);
  });

  it('is refused as a whole when it is not a list, or too long', async () => {
    const { post, noted } = await apiWorld({ maxBatch: 2 });
    const bodies = [{}, { messages: [] }, { messages: {} }, { messages: [HI, HI, HI] }];
    for (const body of bodies) {
      const { status, code } = await post('/batch', body);
      expect([status, code]).toEqual([400, 'WRONG_BATCH']);
    }
    expect((await post('/batch', { messages: [HI], more: 1 })).code).toBe('UNKNOWN_MEMBER');
    expect(noted).toEqual([]);
  });

  it('counts as its messages against the rate', async () => {
    const limits = { maxBatch: 3, requestsPerSecond: 1, requestBurst: 4 };
    const { post, clock, noted } = await apiWorld(limits);
    expect((await post('/batch', { messages: [HI, HI, HI] })).status).toBe(200);
    const { status, headers } = await post('/batch', { messages: [HI, HI] });
    expect([status, headers.get('retry-after')]).toEqual([429, '1']);
    expect(noted).toHaveLength(3);
    clock.advance(2000);
    expect((await post('/batch', { messages: [HI, HI] })).status).toBe(200);
  });

  it('is not longer than the burst', async () => {
    const { post } = await apiWorld({ requestBurst: 2 });
    expect((await post('/batch', { messages: [HI, HI, HI] })).code).toBe('WRONG_BATCH');
    expect((await post('/batch', { messages: [HI] })).status).toBe(200);
  });

  it('says of each message whether the cluster failed', async () => {
    const { post, connections, lines } = await apiWorld();
    connections.fail = busDown;
    const { value } = await post('/batch', { messages: [HI, HI] });
    expect(value.results.map((one: typeof value) => one.error.code)).toEqual([
      'HR_ERR_BUS_DOWN',
      'HR_ERR_BUS_DOWN',
    ]);
    expect(lines).toEqual([]);
  });
});

describe('a request with an idempotency key', () => {
  it('is carried out once, and has the same answer again', async () => {
    const { post, noted } = await apiWorld();
    const first = await post('/publish', HI, once('a'));
    const again = await post('/publish', HI, once('a'));
    expect(again.value).toEqual(first.value);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(noted).toHaveLength(1);
    await post('/publish', HI, once('b'));
    await post('/publish', HI);
    expect(noted).toHaveLength(3);
  });

  it('is carried out once even while the first one is under way', async () => {
    const { post, noted, connections } = await apiWorld();
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    connections.fail = () => gate;
    const both = [post('/publish', HI, once('a')), post('/publish', HI, once('a'))];
    await expect.poll(() => noted.length).toBe(1);
    go();
    const answers = await Promise.all(both);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(noted).toHaveLength(1);
  });

  it('is refused if another request had the key, but not for the key of another client', async () => {
    const { post, noted } = await apiWorld({ keys: [KEY, 'other'] });
    await post('/publish', HI, once('a'));
    for (const [path, body] of [
      ['/publish', { ...HI, message: 'ho' }],
      ['/disconnect', HI],
    ] as const) {
      const { status, code } = await post(path, body, once('a'));
      expect([status, code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    }
    expect(noted).toHaveLength(1);
    expect((await post('/disconnect', HI, once('a'), 'other')).value).toEqual({ closed: 3 });
  });

  it('is carried out again after its time', async () => {
    const { post, noted, clock } = await apiWorld({ idempotencyMs: 1000 });
    await post('/publish', HI, once('a'));
    clock.advance(1000);
    await post('/publish', HI, once('a'));
    expect(noted).toHaveLength(1);
    clock.advance(1);
    await post('/publish', HI, once('a'));
    expect(noted).toHaveLength(2);
  });

  it('is carried out again if nothing was done, and not if a part may have been', async () => {
    const { post, noted, connections } = await apiWorld();
    connections.fail = busDown;
    expect((await post('/publish', HI, once('a'))).status).toBe(503);
    connections.fail = late;
    expect((await post('/publish', HI, once('a'))).value.done).toBe(2);
    connections.fail = undefined;
    expect((await post('/publish', HI, once('a'))).status).toBe(503);
    expect(noted).toHaveLength(2);
    expect((await post('/publish', {}, once('b'))).status).toBe(400);
    expect((await post('/publish', HI, once('b'))).status).toBe(200);
  });

  it('is not carried out again if a function of the program failed, because a part may have been done', async () => {
    for (const failure of [new Error('boom'), new ChannelError('CHANNEL_CLOSED', 'closed')]) {
      const { post, noted, connections } = await apiWorld();
      connections.fail = () => {
        throw failure;
      };
      const first = await post('/publish', HI, once('a'));
      connections.fail = undefined;
      const again = await post('/publish', HI, once('a'));
      expect([again.status, again.value]).toEqual([first.status, first.value]);
      expect(noted).toHaveLength(1);
    }
  });

  it('repeats a batch unless nothing of it was done', async () => {
    const { post, noted, connections } = await apiWorld();
    const body = { messages: [HI, {}] };
    connections.fail = busDown;
    await post('/batch', body, once('a'));
    connections.fail = undefined;
    const { value } = await post('/batch', body, once('a'));
    expect((await post('/batch', body, once('a'))).value).toEqual(value);
    expect(noted).toHaveLength(2);
  });

  it('forgets the oldest answers above its number of keys, or of bytes', async () => {
    for (const limits of [{ maxIdempotencyKeys: 2 }, { maxIdempotencyBytes: 420 }]) {
      const { post, noted } = await apiWorld(limits);
      for (const key of ['a', 'b', 'c', 'c', 'b']) await post('/publish', HI, once(key));
      expect(noted).toHaveLength(3);
      await post('/publish', HI, once('a'));
      expect(noted).toHaveLength(4);
    }
  });

  it('is forgotten for no requests with another key of the API', async () => {
    for (const limits of [{ maxIdempotencyKeys: 2 }, { maxIdempotencyBytes: 420 }]) {
      const { post, noted } = await apiWorld({ keys: [KEY, 'other'], ...limits });
      await post('/publish', HI, once('a'));
      for (const key of ['a', 'b', 'c', 'd']) await post('/publish', HI, once(key), 'other');
      expect(noted).toHaveLength(5);
      const again = await post('/publish', HI, once('a'));
      expect([again.headers.get('idempotency-replayed'), noted.length]).toEqual(['true', 5]);
    }
  });

  it.each(['', 'two words', 'x'.repeat(256), 'ö'])('refuses the key %j', async (key) => {
    const { post } = await apiWorld();
    const { status, code } = await post('/publish', HI, once(key));
    expect([status, code]).toEqual([400, 'WRONG_IDEMPOTENCY_KEY']);
  });
});
