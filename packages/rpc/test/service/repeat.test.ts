import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  call,
  clientOf,
  defineService,
  describeService,
  exponential,
  RetryBudget,
  refusal,
  serve,
} from '../../src/index.ts';
import { lost, overloaded, passed, promisesSettled, ScriptedCaller } from './scripted-caller.ts';
import { serviceEnds } from './service-ends.ts';

const prices = defineService(
  'prices',
  {
    quote: call(z.object({}), z.number(), { idempotent: true }),
    buy: call(z.object({}), z.number()),
  },
  { errors: { BUSY: 1, GONE: 2 } },
);
const backoff = exponential({ baseMs: 100, maxMs: 1000, jitter: 'none' });
const retry = { attempts: 3, backoff };

function ends(options: { readonly clock?: VirtualClock; readonly [option: string]: unknown }) {
  const { clock = new VirtualClock() } = options;
  const place = new ScriptedCaller(clock);
  const api = clientOf(prices, place, { clock, ...options });
  return { clock, place, api, asked: place.asked };
}

/** The outcome of a call, once it has one. */
function watched(answer: Promise<unknown>): { value?: unknown; error?: unknown } {
  const seen: { value?: unknown; error?: unknown } = {};
  answer.then(
    (value) => Object.assign(seen, { value }),
    (error) => Object.assign(seen, { error }),
  );
  return seen;
}

const failure = (code: string, details = {}) => ({ code: `HR_ERR_${code}`, details });

describe('a call that is retried', () => {
  it('is made again after a loss, later each time, until it is answered', async () => {
    const { clock, asked, api } = ends({ retry });
    const outcome = watched(api.quote({}));
    await asked[0]!.fail(lost());
    await passed(clock, 99);
    expect(asked.length).toBe(1);
    await passed(clock, 1);
    await asked[1]!.fail(lost(false));
    await passed(clock, 200);
    await asked[2]!.answer(42);
    expect(asked.map(({ at }) => at)).toEqual([0, 100, 300]);
    expect(outcome).toEqual({ value: 42 });
  });

  it('fails with the last error, and says that an earlier attempt was sent', async () => {
    const { clock, asked, api } = ends({ retry });
    const outcome = watched(api.quote({}));
    for (const sent of [true, false, false]) {
      await asked.at(-1)!.fail(lost(sent));
      await passed(clock, 500);
    }
    expect(asked.length).toBe(3);
    expect(outcome.error).toMatchObject(failure('REQUEST_LOST', { sent: true }));
  });

  it.each<[string, Error]>([
    ['an error of the service', refusal(1, 'busy')],
    ['an error of the protocol', refusal(-32_603, 'the request failed')],
    ['an input that does not fit', refusal(-32_602, 'no')],
    ['any other error', new Error('x')],
  ])('%s is an answer', async (_name, error) => {
    const { clock, asked, api } = ends({ retry });
    const outcome = watched(api.quote({}));
    await asked[0]!.fail(error);
    await passed(clock, 500);
    expect([asked.length, outcome.error]).toEqual([1, error]);
  });

  it('an error of the service that is listed is retried, others are not', async () => {
    const { clock, asked, api } = ends({ retry: { ...retry, errors: ['BUSY'] } });
    const outcome = watched(api.quote({}));
    await asked[0]!.fail(prices.error('BUSY', 'later'));
    await passed(clock, 100);
    const gone = prices.error('GONE', 'sold');
    await asked[1]!.fail(gone);
    expect(outcome.error).toBe(gone);
  });

  it('a server that is overloaded is asked again, not before it said so', async () => {
    const { clock, asked, api } = ends({ retry });
    watched(api.quote({}));
    await asked[0]!.fail(overloaded());
    await passed(clock, 100);
    await asked[1]!.fail(overloaded(700));
    await passed(clock, 1000);
    expect(asked.map(({ at }) => at)).toEqual([0, 100, 800]);
  });

  it('an error of the service asks for no wait, whatever its data are called', async () => {
    const { clock, asked, api } = ends({ retry: { ...retry, errors: ['BUSY'] } });
    watched(api.quote({}));
    await asked[0]!.fail(prices.error('BUSY', 'later', { retryAfterMs: 700 }));
    await passed(clock, 100);
    expect(asked.map(({ at }) => at)).toEqual([0, 100]);
  });

  it('makes no attempt whose timer comes late, after the time of the call', async () => {
    class LateClock extends VirtualClock {
      lateMs = 0;
      override now(): number {
        return super.now() + this.lateMs;
      }
    }
    const clock = new LateClock();
    const { asked, api } = ends({ retry, clock });
    const outcome = watched(api.quote({}, { timeoutMs: 450 }));
    await asked[0]!.fail(lost());
    // The process stands still.
    clock.lateMs = 350;
    await passed(clock, 100);
    expect(asked).toHaveLength(1);
    expect(outcome.error).toMatchObject(failure('TIMEOUT_REQUEST', { timeoutMs: 450, sent: true }));
  });

  it('all attempts and waits are within the one time of the call', async () => {
    const { clock, asked, api } = ends({ retry: { ...retry, attempts: 9 }, timeoutMs: 450 });
    const outcome = watched(api.quote({}));
    await asked[0]!.fail(lost());
    await passed(clock, 100);
    await asked[1]!.fail(lost());
    await passed(clock, 200);
    expect(asked.map(({ timeoutMs }) => timeoutMs)).toEqual([450, 350, 150]);
    await passed(clock, 149);
    expect(outcome).toEqual({});
    await passed(clock, 1);
    expect(outcome.error).toMatchObject(failure('TIMEOUT_REQUEST', { timeoutMs: 450, sent: true }));
    expect(asked.length).toBe(3);
  });

  it('fails at once where the next attempt would come after its time', async () => {
    const { clock, asked, api } = ends({ retry });
    const outcome = watched(api.quote({}, { timeoutMs: 100 }));
    await asked[0]!.fail(lost());
    expect(outcome.error).toMatchObject(failure('REQUEST_LOST'));
    await passed(clock, 200);
    expect(asked.length).toBe(1);
  });

  it('gives an attempt up after its own time', async () => {
    const { clock, asked, api } = ends({ retry: { ...retry, attemptTimeoutMs: 50 } });
    const outcome = watched(api.quote({}));
    await passed(clock, 150);
    expect(asked.map(({ at, timeoutMs }) => [at, timeoutMs])).toEqual([
      [0, 50],
      [150, 50],
    ]);
    await asked[1]!.answer(1);
    expect(outcome).toEqual({ value: 1 });
  });

  it('ends with its signal: the attempt under way, and the wait for the next one', async () => {
    const { clock, asked, api } = ends({ retry });
    const [first, second] = [new AbortController(), new AbortController()];
    const running = watched(api.quote({}, { signal: first.signal }));
    const waiting = watched(api.quote({}, { signal: second.signal }));
    await asked[1]!.fail(lost());
    first.abort(new Error('no more'));
    second.abort();
    await passed(clock, 500);
    expect([asked.length, asked[0]!.isCancelled]).toEqual([2, true]);
    for (const { error } of [running, waiting]) {
      expect(error).toMatchObject(failure('OPERATION_ABORTED', { sent: true }));
    }
    const outcome = watched(api.quote({}, { signal: first.signal }));
    await promisesSettled();
    expect(outcome.error).toMatchObject(failure('OPERATION_ABORTED', { sent: false }));
    expect(asked.length).toBe(2);
  });

  it('a loss that comes with the cancel begins no other attempt', async () => {
    const clock = new VirtualClock();
    let asked = 0;
    const request = (_call: unknown, options?: { readonly signal?: AbortSignal }) => {
      asked += 1;
      return new Promise((_resolve, reject) => {
        options!.signal!.addEventListener('abort', () => reject(lost()));
      });
    };
    const api = clientOf(prices, { ...new ScriptedCaller(clock), request } as never, {
      clock,
      retry,
    });
    const controller = new AbortController();
    const outcome = watched(api.quote({}, { signal: controller.signal }));
    controller.abort();
    await passed(clock, 500);
    expect([asked, outcome.error]).toMatchObject([1, failure('OPERATION_ABORTED', { sent: true })]);
  });

  it('no more are retried than the budget allows', async () => {
    const budget = new RetryBudget({ perSecond: 0.001, burst: 2, share: 0.1 });
    const { clock, asked, api } = ends({ retry: { ...retry, attempts: 2 }, budget });
    for (let i = 0; i < 40; i += 1) watched(api.quote({}));
    for (const one of [...asked]) await one.fail(lost());
    await passed(clock, 100);
    expect(asked.length).toBe(42);
    for (let i = 0; i < 100; i += 1) {
      watched(api.quote({}));
      await asked.at(-1)!.fail(lost());
      await passed(clock, 100);
      if (asked.at(-1)!.at === clock.now()) await asked.at(-1)!.answer(1);
    }
    expect(asked.length).toBe(142 + 10);
  });

  it('a retry that was cancelled is given back to the budget', async () => {
    const budget = new RetryBudget({ perSecond: 0.001, burst: 1 });
    const { clock, asked, api } = ends({ retry, budget });
    const controller = new AbortController();
    watched(api.quote({}, { signal: controller.signal }));
    await asked[0]!.fail(lost());
    controller.abort();
    watched(api.quote({}));
    await asked[1]!.fail(lost());
    await passed(clock, 100);
    expect(asked.length).toBe(3);
  });

  it('a call that is not idempotent is never made twice', async () => {
    const { clock, asked, api } = ends({ retry });
    const outcome = watched(api.buy({}));
    await passed(clock, 100);
    await asked[0]!.fail(lost(false));
    await passed(clock, 500);
    expect(asked.length).toBe(1);
    expect(outcome.error).toMatchObject(failure('REQUEST_LOST'));
  });

  it('one call may say otherwise than its client', async () => {
    const { clock, asked, api } = ends({ retry });
    watched(api.quote({}, { retry: false }));
    await asked[0]!.fail(lost());
    await passed(clock, 500);
    expect(asked.length).toBe(1);
    const plain = ends({});
    watched(plain.api.quote({}, { retry }));
    await plain.asked[0]!.fail(lost());
    await passed(plain.clock, 100);
    expect(plain.asked.length).toBe(2);
  });

  it('a policy that gives no delay ends the call with what is wrong', async () => {
    const { asked, api } = ends({ retry: { backoff: () => Number.NaN } });
    const outcome = watched(api.quote({}));
    await asked[0]!.fail(lost());
    expect(outcome.error).toMatchObject({
      message: expect.stringContaining('retry.backoff returned'),
    });
  });

  it('a policy that gives up ends it with the error', async () => {
    const { asked, api } = ends({ retry: { backoff: () => undefined } });
    const outcome = watched(api.quote({}));
    await asked[0]!.fail(lost());
    expect(outcome.error).toMatchObject(failure('REQUEST_LOST'));
  });

  it('goes through real ends, over which an overloaded server answers at last', async () => {
    let asked = 0;
    const handle = serve(prices, {
      buy: () => 1,
      quote: () => {
        asked += 1;
        if (asked < 3) throw overloaded();
        return asked;
      },
    });
    const { exchange, pair } = serviceEnds(handle);
    const api = clientOf(prices, exchange, { retry, clock: pair.clock });
    const outcome = watched(pair.clock.run(() => api.quote({})));
    await passed(pair.clock, 400);
    expect(outcome).toEqual({ value: 3 });
  });
});

describe('options of repeated calls', () => {
  const clock = new VirtualClock();
  it.each([
    ['attempts', { retry: { attempts: 0 } }, 'attempts is 0'],
    ['an error', { retry: { errors: ['BUSTY'] } }, 'retry.errors has BUSTY'],
    ['a budget', { budget: 3 }, 'a RetryBudget'],
    ['a name', { retrys: 3 }, 'did you mean retry'],
  ])('refuses %s', (_name, options, text) => {
    const place = new ScriptedCaller(clock);
    expect(() => clientOf(prices, place, options as never)).toThrow(text);
  });

  it('refuses retry where no call may be repeated', async () => {
    const options = { retry: { attempts: 2 } };
    const buying = defineService('buying', { buy: prices.methods.buy });
    const { exchange } = serviceEnds(serve(buying, { buy: () => 1 }));
    const make = () => clientOf(buying, exchange, options as never);
    expect(make).toThrow('retry is for idempotent calls, but buying has none');
    expect(() => clientOf(buying, exchange, { retry: false } as never)).not.toThrow();
    const call = clientOf(prices, exchange).buy({}, options as never);
    await expect(call).rejects.toMatchObject({
      code: 'HR_ERR_OPTION_INVALID',
      details: { option: 'retry' },
    });
  });

  it('refuses an idempotent call with items', () => {
    const both = { items: z.number(), idempotent: true } as never;
    expect(() => call(z.object({}), z.number(), both)).toThrow('its items cannot be read twice');
  });

  it('are a part of the description', () => {
    const { methods } = describeService(prices);
    expect(methods['quote']).toMatchObject({ idempotent: true });
    expect(methods['buy']).not.toHaveProperty('idempotent');
  });
});
