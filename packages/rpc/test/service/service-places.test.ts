import { ChannelError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  call,
  clientOf,
  defineService,
  exponential,
  notice,
  ServicePlaces,
  serve,
  stream,
} from '../../src/index.ts';
import { closed, lost, overloaded, passed, ScriptedCaller } from './scripted-caller.ts';
import { all, serviceEnds } from './service-ends.ts';

const prices = defineService('prices', {
  quote: call(z.object({}), z.number(), { idempotent: true }),
  buy: call(z.object({}), z.number()),
  watch: stream(z.object({}), z.number()),
  seen: notice(z.object({})),
});

const ONE = new ScriptedCaller(new VirtualClock());
const givenUp = (): Error =>
  new ChannelError('RECONNECT_GIVEN_UP' as never, 'given up after 1 try');

/** Three places, and chances that come in turn. */
function places(options: { pick?: 'round-robin'; restMs?: false } = {}, chances: number[] = [0]) {
  const clock = new VirtualClock();
  const at = [1, 2, 3].map(() => new ScriptedCaller(clock));
  let drawn = 0;
  const random = () => chances[drawn++ % chances.length]!;
  const several = new ServicePlaces(at, { clock, random, ...options });
  const backoff = exponential({ baseMs: 100, jitter: 'none' });
  const api = clientOf(prices, several, { clock, retry: { attempts: 4, backoff } });
  const buy = (): void => void api.buy({}).catch(() => {});
  const asked = () => at.map((place) => place.asked.length);
  return { clock, at, several, api, buy, asked };
}

describe('ServicePlaces', () => {
  it('gives a call to the less busy of two places by chance', () => {
    const { buy, several } = places({}, [0, 0.5]);
    for (let i = 0; i < 6; i += 1) buy();
    expect(several.loads).toEqual([3, 3, 0]);
  });

  it('gives calls to one place after the other', () => {
    const { buy, asked } = places({ pick: 'round-robin' });
    for (let i = 0; i < 4; i += 1) buy();
    expect(asked()).toEqual([2, 1, 1]);
  });

  it('does not count a call that its place refuses to send', () => {
    const { several, at } = places();
    at[0]!.request = () => {
      throw new TypeError('not a message');
    };
    expect(() => several.request({ method: 'buy' })).toThrow('not a message');
    expect(several.loads).toEqual([0, 0, 0]);
  });

  it('counts a call until it has an answer or an error', async () => {
    const { buy, several, at } = places();
    buy();
    buy();
    expect(several.loads).toEqual([2, 0, 0]);
    await at[0]!.asked[0]!.answer(1);
    await at[0]!.asked[1]!.fail(new Error('x'));
    expect(several.loads).toEqual([0, 0, 0]);
  });

  it.each(['two-choices', 'round-robin'] as const)('leaves out what is down, by %s', (pick) => {
    const { buy, asked, at } = places({ pick } as never, [0, 0.5, 0.9]);
    at[0]!.isReady = false;
    at[2]!.isReady = false;
    for (let i = 0; i < 3; i += 1) buy();
    expect(asked()).toEqual([0, 3, 0]);
    for (const place of at) place.isReady = false;
    buy();
    expect(asked().reduce((sum, count) => sum + count)).toBe(4);
  });

  it.each([
    ['lost a call', lost()],
    ['is overloaded', overloaded()],
    ['is closed', closed()],
    ['has given up', givenUp()],
  ])('a place that %s rests, or it would get all calls', async (_name, error) => {
    const { clock, buy, asked, at } = places();
    buy();
    await at[0]!.asked[0]!.fail(error);
    buy();
    expect(asked()).toEqual([1, 1, 0]);
    await passed(clock, 1000);
    buy();
    expect(asked()).toEqual([2, 1, 0]);
  });

  it('a call that its caller cancels says nothing about its place', async () => {
    const { api, buy, asked } = places();
    const controller = new AbortController();
    const cancelled = api.buy({}, { signal: controller.signal });
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'HR_ERR_OPERATION_ABORTED' });
    buy();
    expect(asked()).toEqual([2, 0, 0]);
  });

  it('a place that has given up does not get the calls of one that may come back', async () => {
    const { buy, asked, at, api, clock } = places({}, [0]);
    for (const place of at) place.isReady = false;
    buy();
    await at[0]!.asked[0]!.fail(givenUp());
    buy();
    expect(asked()).toEqual([1, 1, 0]);
    const answer = api.quote({});
    await at[1]!.asked[1]!.fail(givenUp());
    await passed(clock, 100);
    await at[2]!.asked[0]!.answer(3);
    expect(await answer).toBe(3);
  });

  it('rests for as long as the place says, and not at all for an answer', async () => {
    const { clock, buy, asked, at } = places();
    buy();
    await at[0]!.asked[0]!.fail(new Error('no such thing'));
    buy();
    expect(asked()).toEqual([2, 0, 0]);
    await at[0]!.asked[1]!.fail(overloaded(1500));
    await passed(clock, 1499);
    buy();
    expect(asked()).toEqual([2, 1, 0]);
    await passed(clock, 1);
    buy();
    expect(asked()).toEqual([3, 1, 0]);
  });

  it('rests for 10 minutes at most', async () => {
    const { clock, buy, asked, at } = places();
    buy();
    await at[0]!.asked[0]!.fail(overloaded(Number.POSITIVE_INFINITY));
    buy();
    expect(asked()).toEqual([1, 1, 0]);
    await passed(clock, 600_000);
    buy();
    expect(asked()).toEqual([2, 1, 0]);
  });

  it('a retry goes to a place where the call was not yet, then to any', async () => {
    const { clock, api, asked, at } = places({ restMs: false });
    const answer = api.quote({});
    await at[0]!.asked[0]!.fail(lost());
    await passed(clock, 100);
    expect(asked()).toEqual([1, 1, 0]);
    await at[1]!.asked[0]!.fail(closed());
    await passed(clock, 200);
    expect(asked()).toEqual([1, 1, 1]);
    await at[2]!.asked[0]!.fail(lost());
    await passed(clock, 400);
    expect(asked()).toEqual([2, 1, 1]);
    await at[0]!.asked[1]!.answer(7);
    expect(await answer).toBe(7);
  });

  it('carries streams, which count until they end, and notices', async () => {
    const seen: unknown[] = [];
    const handle = serve(prices, {
      quote: () => 1,
      buy: () => 1,
      async *watch() {
        yield* [1, 2, 3];
      },
      seen: (input) => void seen.push(input),
    });
    const { exchange, during } = serviceEnds(handle);
    expect(exchange.isReady).toBe(true);
    const several = new ServicePlaces([exchange]);
    const api = clientOf(prices, several);
    expect(await during(() => all(api.watch({})))).toEqual([1, 2, 3]);
    const first = await during(async () => {
      for await (const item of api.watch({})) return [item, ...several.loads];
      return [];
    });
    expect([first, several.loads]).toEqual([[1, 1], [0]]);
    await during(async () => void (await api.seen({})));
    await during(() => api.quote({}));
    expect(seen).toEqual([{}]);
  });

  it('an exchange is ready while its channel takes calls', () => {
    const { exchange, pair } = serviceEnds(serve(defineService('a', {}), {}));
    pair.clock.runTasks();
    expect(exchange.isReady).toBe(true);
    pair.client.close();
    pair.clock.runTasks();
    expect(exchange.isReady).toBe(false);
  });

  it.each([
    ['no places', () => new ServicePlaces([]), 'places is empty'],
    ['the same place twice', () => new ServicePlaces([ONE, ONE]), 'the same place twice'],
    ['a pick', () => new ServicePlaces([{} as never], { pick: 'best' as never }), 'pick'],
  ])('refuses %s', (_name, make, text) => {
    expect(make).toThrow(text);
  });
});
