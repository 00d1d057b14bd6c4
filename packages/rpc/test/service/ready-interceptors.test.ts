import { CLIENT_ADDRESS, type LogLevel, RejectedError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { ServerMetrics } from '@headrace/handlers';
import { requestAborted, requestTimedOut } from '@headrace/handlers/call';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  CallLimit,
  CallMetrics,
  call,
  clientOf,
  defineService,
  logCalls,
  type ServedCall,
  type ServerInterceptor,
  serve,
  serveAll,
  stream,
} from '../../src/index.ts';
import { lost, passed, ScriptedCaller } from './scripted-caller.ts';
import { all, serviceEnds } from './service-ends.ts';

const prices = defineService(
  'prices',
  {
    quote: call(z.object({ symbol: z.string() }), z.number()),
    watch: stream(z.object({}), z.number()),
  },
  { errors: { GONE: 1 } },
);

/** A server with these interceptors, whose quote takes until the test answers it. */
function served(...interceptors: ServerInterceptor[]) {
  const waiting: ((price: number) => void)[] = [];
  const handle = serve(
    prices,
    {
      quote: ({ symbol }) => {
        if (symbol === 'GONE') throw prices.error('GONE', 'sold');
        if (symbol === 'BAD') throw new Error('secret');
        return new Promise<number>((resolve) => waiting.push(resolve));
      },
      *watch() {
        yield* [1, 2, 3];
      },
    },
    { interceptors },
  );
  const ends = serviceEnds(handle);
  const api = clientOf(prices, ends.exchange);
  const outcomes: unknown[] = [];
  const ask = (symbol: string) =>
    void ends.pair.clock.run(() =>
      api.quote({ symbol }).then(
        (price) => outcomes.push(price),
        (error) => outcomes.push([error.details.code, error.cause]),
      ),
    );
  const answer = () => {
    for (const resolve of waiting.splice(0)) resolve(7);
  };
  return { ...ends, api, ask, answer, outcomes, clock: ends.pair.clock };
}

const ADDRESS = { host: '192.0.2.1', port: 1, family: 'IPv4' } as const;

describe('CallLimit', () => {
  it('refuses what is too much at once, as something to try later', async () => {
    const limit = new CallLimit({ concurrency: 2 });
    const { ask, answer, outcomes, clock } = served(limit.interceptor);
    for (let i = 0; i < 3; i += 1) ask('A');
    await passed(clock, 1);
    expect(outcomes).toEqual([[-32_000, undefined]]);
    expect(limit.counters).toEqual({ underWay: 2, refusedByConcurrency: 1, refusedByRate: 0 });
    answer();
    await passed(clock, 1);
    ask('A');
    ask('BAD');
    await passed(clock, 1);
    answer();
    await passed(clock, 1);
    expect(outcomes.slice(1)).toEqual([7, 7, [-32_603, undefined], 7]);
    expect(limit.counters.underWay).toBe(0);
  });

  it.each([
    [
      { concurrency: 1, perSecond: Infinity },
      { underWay: 1, refusedByConcurrency: 4 },
    ],
    [
      { concurrency: Infinity, perSecond: 1, burst: 2 },
      { underWay: 2, refusedByRate: 3 },
    ],
    [
      { perSecond: 1, burst: 3 },
      { underWay: 3, refusedByRate: 2 },
    ],
    [
      { concurrency: 2, perSecond: 3 },
      { underWay: 2, refusedByConcurrency: 3, refusedByRate: 0 },
    ],
    [
      { concurrency: 3, perSecond: 2 },
      { underWay: 2, refusedByConcurrency: 0, refusedByRate: 3 },
    ],
  ])('of %j refuses %j of five calls at once', async (options, counters) => {
    const limit = new CallLimit(options);
    const { ask, clock } = served(limit.interceptor);
    for (let i = 0; i < 5; i += 1) ask('A');
    await passed(clock, 1);
    expect(limit.counters).toMatchObject(counters);
  });

  it('refuses what comes too fast, and says when it may come', async () => {
    const limit = new CallLimit({ perSecond: 2 });
    const { ask, outcomes, clock } = served(limit.interceptor);
    for (let i = 0; i < 3; i += 1) ask('GONE');
    await passed(clock, 1);
    expect(outcomes).toContainEqual([-32_000, { retryAfterMs: 500 }]);
    await passed(clock, 500);
    ask('GONE');
    await passed(clock, 1);
    expect(outcomes[3]).toEqual([1, undefined]);
    expect(limit.counters.refusedByRate).toBe(1);
  });

  it('asks for a wait of whole milliseconds', async () => {
    const limit = new CallLimit({ perSecond: 3, burst: 1 });
    const { ask, outcomes, clock } = served(limit.interceptor);
    for (let i = 0; i < 2; i += 1) ask('GONE');
    await passed(clock, 1);
    expect(outcomes).toContainEqual([-32_000, { retryAfterMs: 334 }]);
  });

  it('counts each caller by itself', async () => {
    const names = ['ann', 'bob', 'ann', undefined];
    const limit = new CallLimit({ concurrency: 1, callerOf: () => names.shift() });
    const { ask, outcomes, clock } = served(limit.interceptor);
    for (let i = 0; i < 4; i += 1) ask('A');
    await passed(clock, 1);
    expect([outcomes.length, limit.counters.underWay]).toEqual([1, 3]);
  });

  it('counts the calls of all connections from one address together', async () => {
    const limit = new CallLimit({ concurrency: 1 });
    for (const refused of [0, 1]) {
      const { ask, clock, pair } = served(limit.interceptor);
      pair.server.attributes.set(CLIENT_ADDRESS, ADDRESS);
      ask('A');
      await passed(clock, 1);
      expect(limit.counters).toMatchObject({ underWay: 1, refusedByConcurrency: refused });
    }
  });

  it('a name that reads like the address of another caller takes nothing from it', async () => {
    let calls = 0;
    const limit = new CallLimit({
      concurrency: 1,
      callerOf: () => {
        calls += 1;
        return calls === 1 ? undefined : ADDRESS.host;
      },
    });
    const { ask, clock, pair } = served(limit.interceptor);
    pair.server.attributes.set(CLIENT_ADDRESS, ADDRESS);
    for (let i = 0; i < 3; i += 1) ask('A');
    await passed(clock, 1);
    expect(limit.counters).toMatchObject({ underWay: 2, refusedByConcurrency: 1 });
  });

  it('the end of one call makes room for one', async () => {
    const limit = new CallLimit({ concurrency: 2 });
    const { ask, clock } = served(limit.interceptor);
    for (const symbol of ['A', 'GONE', 'A', 'A']) {
      ask(symbol);
      await passed(clock, 1);
    }
    expect(limit.counters).toMatchObject({ underWay: 2, refusedByConcurrency: 1 });
  });

  it('takes a call at once where less than one a second may come', async () => {
    const limit = new CallLimit({ perSecond: 0.5 });
    const { ask, outcomes, clock } = served(limit.interceptor);
    ask('GONE');
    await passed(clock, 1);
    ask('GONE');
    await passed(clock, 1);
    expect(outcomes).toEqual([
      [1, undefined],
      [-32_000, { retryAfterMs: 1999 }],
    ]);
  });

  it('a stream counts until its last item', async () => {
    const limit = new CallLimit({ concurrency: 1 });
    const { api, during } = served(limit.interceptor);
    expect(await during(() => all(api.watch({})))).toEqual([1, 2, 3]);
    expect(await during(() => all(api.watch({})))).toEqual([1, 2, 3]);
    expect(limit.counters).toMatchObject({ underWay: 0, refusedByConcurrency: 0 });
  });
});

const BAD_CALLS = [
  ['an unknown method', { method: 'prices.x', params: {} }, -32_601],
  ['an unknown service', { method: 'x.quote', params: {} }, -32_601],
  ['a bad input', { method: 'prices.quote', params: { symbol: 7 } }, -32_602],
  ['a stream without a reader', { method: 'prices.watch', params: {} }, -32_602],
] as const;

describe('a bad call', () => {
  it.each(BAD_CALLS)('of %s is limited', async (_what, asked, code) => {
    const limit = new CallLimit({ perSecond: 2 });
    const { exchange, during } = served(limit.interceptor);
    const codes: unknown[] = [];
    for (let i = 0; i < 3; i += 1) {
      await during(() => exchange.request(asked)).catch((error) => codes.push(error.details.code));
    }
    expect(codes).toEqual([code, code, -32_000]);
    expect(limit.counters).toEqual({ underWay: 0, refusedByConcurrency: 0, refusedByRate: 1 });
  });

  it.each(BAD_CALLS)('of %s is limited by the first of several services', async (_what, asked) => {
    const limit = new CallLimit({ perSecond: 1 });
    const other = serve(defineService('other', {}), {});
    const watch = async function* () {};
    const first = serve(prices, { quote: () => 1, watch }, { interceptors: [limit.interceptor] });
    const { exchange, during } = serviceEnds(serveAll(first, other));
    for (let i = 0; i < 2; i += 1) await during(() => exchange.request(asked)).catch(() => {});
    expect(limit.counters.refusedByRate).toBe(1);
  });

  it('is limited by its address where the name of its caller cannot be read', async () => {
    const callerOf = ({ input }: ServedCall) => (input as { symbol: string }).symbol;
    const limit = new CallLimit({ perSecond: 1, callerOf });
    const { exchange, during } = served(limit.interceptor);
    const codes: unknown[] = [];
    const asked = { method: 'prices.quote', params: { symbol: 7 } };
    for (let i = 0; i < 2; i += 1) {
      await during(() => exchange.request(asked)).catch((error) => codes.push(error.details.code));
    }
    expect(codes).toEqual([-32_602, -32_000]);
  });

  it.each(BAD_CALLS)('of %s is counted and logged', async (_what, asked, code) => {
    const calls = new CallMetrics();
    const lines: string[] = [];
    const log = (level: LogLevel, message: string) => void lines.push(`${level} ${message}`);
    const { exchange, during } = served(calls.interceptor, logCalls({ logger: { log } }));
    await during(() => exchange.request(asked)).catch(() => {});
    const outcome = code === -32_601 ? 'unknown-method' : 'invalid';
    const samples = calls.families().flatMap((family) => family.samples);
    expect(samples[0]).toMatchObject({ labels: { outcome }, value: 1 });
    expect(lines).toEqual([expect.stringMatching(`^info .*: ${outcome}, 0 ms$`)]);
  });

  it('has its input checked once, when an interceptor or its function wants it', async () => {
    let checks = 0;
    const input = z.object({}).refine(() => {
      checks += 1;
      return true;
    });
    const one = defineService('one', { ask: call(input, z.number()) });
    const seen: unknown[] = [];
    const reads: ServerInterceptor = (given, next) => {
      seen.push(given.input, checks);
      return next();
    };
    const refuses: ServerInterceptor = () => {
      throw prices.error('GONE', 'sold');
    };
    const ask = async (...interceptors: ServerInterceptor[]) => {
      const { exchange, during } = serviceEnds(serve(one, { ask: () => 1 }, { interceptors }));
      await during(() => exchange.request({ method: 'one.ask', params: {} })).catch(() => {});
      return checks;
    };
    expect(await ask(refuses)).toBe(0);
    expect(await ask(reads, reads)).toBe(1);
    expect(seen).toEqual([{}, 1, {}, 1]);
  });
});

describe('logCalls', () => {
  const lines: string[] = [];
  const log = (level: LogLevel, message: string, error?: Error) =>
    void lines.push(`${level} ${message}${error === undefined ? '' : `: ${error.message}`}`);

  it('logs the name, the outcome and the time of each call at the server', async () => {
    lines.length = 0;
    const { ask, answer, api, during, clock } = served(logCalls({ logger: { log } }));
    for (const symbol of ['A', 'GONE', 'BAD']) ask(symbol);
    await passed(clock, 25);
    answer();
    await during(() => all(api.watch({})));
    expect(lines).toEqual([
      'info prices.quote: refused, 0 ms: sold',
      'warn prices.quote: failed, 0 ms: secret',
      'info prices.quote: ok, 25 ms',
      'info prices.watch: ok, 0 ms',
    ]);
  });

  it('logs at the client by its clock, of answered calls the slow ones', async () => {
    lines.length = 0;
    const clock = new VirtualClock();
    const place = new ScriptedCaller(clock);
    const interceptors = [logCalls({ logger: { log }, level: 'debug', slowMs: 10, clock })];
    const api = clientOf(prices, place, { interceptors });
    for (let i = 0; i < 3; i += 1) api.quote({ symbol: 'A' }).catch(() => {});
    await passed(clock, 9);
    await place.asked[0]!.answer(1);
    await passed(clock, 1);
    await place.asked[1]!.answer(1);
    await place.asked[2]!.fail(lost());
    expect(lines).toEqual([
      'debug prices.quote: ok, 10 ms',
      expect.stringContaining('warn prices.quote: lost, 10 ms: '),
    ]);
  });
});

describe('an outcome', () => {
  const { signal } = new AbortController();

  it.each([
    ['warn', 'overloaded', new RejectedError('REJECTED_QUEUE', 'one request waits')],
    ['warn', 'timed-out', requestTimedOut(5, true)],
    ['info', 'cancelled', requestAborted(signal, true)],
    ['warn', 'lost', lost()],
  ])('is logged at %s for a call that is %s, however fast', async (level, outcome, error) => {
    const lines: string[] = [];
    const clock = new VirtualClock();
    const place = new ScriptedCaller(clock);
    const log = (at: LogLevel, text: string) => void lines.push(`${at} ${text}`);
    const interceptors = [logCalls({ logger: { log }, slowMs: 10, clock })];
    const api = clientOf(prices, place, { interceptors });
    api.quote({ symbol: 'A' }).catch(() => {});
    await passed(clock, 1);
    await place.asked[0]!.fail(error);
    expect(lines).toEqual([`${level} prices.quote: ${outcome}, 1 ms`]);
  });

  it('is logged by the logger of the channel', async () => {
    const { ask, clock, logged } = served(logCalls());
    ask('GONE');
    await passed(clock, 1);
    expect(logged).toEqual(['prices.quote: refused, 0 ms']);
  });
});

describe('CallMetrics', () => {
  it('counts calls, outcomes and times by service and method', async () => {
    const calls = new CallMetrics({ durationBucketsSeconds: [0.01, 0.1] });
    const { ask, answer, api, during, clock } = served(calls.interceptor);
    for (const symbol of ['A', 'GONE', 'BAD']) ask(symbol);
    await passed(clock, 50);
    const text = () => new ServerMetrics().include(() => calls.families()).text();
    const of = 'service="prices",method="quote"';
    expect(text()).toContain(`headrace_calls_under_way{${of}} 1`);
    answer();
    await during(() => all(api.watch({})));
    for (const line of [
      `headrace_calls_total{${of},outcome="ok"} 1`,
      `headrace_calls_total{${of},outcome="refused"} 1`,
      `headrace_calls_total{${of},outcome="failed"} 1`,
      'headrace_calls_total{service="prices",method="watch",outcome="ok"} 1',
      `headrace_calls_under_way{${of}} 0`,
      `headrace_call_duration_seconds_bucket{${of},le="0.01"} 2`,
      `headrace_call_duration_seconds_bucket{${of},le="0.1"} 3`,
      `headrace_call_duration_seconds_sum{${of}} 0.05`,
      `headrace_call_duration_seconds_count{${of}} 3`,
    ]) {
      expect(text()).toContain(`${line}\n`);
    }
  });

  it('names of a peer make no labels: methods that are not there are counted together', async () => {
    const calls = new CallMetrics();
    const { exchange, during } = served(calls.interceptor);
    for (const method of ['prices.x1', 'prices.x2', 'x3', 'x4.quote']) {
      const asked = during(() => exchange.request({ method, params: {} }));
      await expect(asked).rejects.toMatchObject({ details: { code: -32_601 } });
    }
    const text = new ServerMetrics().include(() => calls.families()).text();
    const outcome = 'method="(unknown)",outcome="unknown-method"';
    expect(text).toContain(`headrace_calls_total{service="prices",${outcome}} 2\n`);
    expect(text).toContain(`headrace_calls_total{service="(unknown)",${outcome}} 2\n`);
    expect(text).not.toMatch(/x[1-4]/);
  });

  it.each([
    ['a prefix', () => new CallMetrics({ prefix: 'a-b' }), 'a metric name of Prometheus'],
    ['a prefix of a server', () => new ServerMetrics({ prefix: 'a-b' }), 'a metric name of'],
    ['buckets', () => new CallMetrics({ durationBucketsSeconds: [1, 0.1] }), 'ascending numbers'],
    [
      'no buckets',
      () => new CallMetrics({ durationBucketsSeconds: 5 as never }),
      'ascending numbers',
    ],
    [
      'an endless bucket',
      () => new CallMetrics({ durationBucketsSeconds: [Infinity] }),
      'ascending',
    ],
    ['no limit', () => new CallLimit({} as never), 'concurrency is undefined'],
    ['an endless rate', () => new CallLimit({ perSecond: Infinity }), 'perSecond is Infinity'],
    ['a limit that is none', () => new CallLimit({ concurrency: Infinity }), 'concurrency is Inf'],
    [
      'two limits that are none',
      () => new CallLimit({ concurrency: Infinity, perSecond: Infinity }),
      'perSecond is Infinity, but must be a finite number where concurrency sets no limit',
    ],
    [
      'a burst without a rate',
      () => new CallLimit({ concurrency: 1, burst: 2 } as never),
      'burst is 2, but has no effect where perSecond sets no limit',
    ],
    [
      'a burst of an endless rate',
      () => new CallLimit({ concurrency: 1, perSecond: Infinity, burst: 2 }),
      'burst is 2, but has no effect',
    ],
    ['an endless burst', () => new CallLimit({ perSecond: 1, burst: Infinity }), 'burst is Inf'],
    [
      'callers without a rate',
      () => new CallLimit({ concurrency: 1, maxCallers: 2 } as never),
      'maxCallers is 2, but has no effect where perSecond sets no limit',
    ],
    ['a concurrency', () => new CallLimit({ concurrency: 0 }), 'concurrency is 0'],
    ['a rate', () => new CallLimit({ perSecond: 0 }), 'perSecond is 0'],
    ['a level', () => logCalls({ level: 'loud' as never }), 'level'],
  ])('refuses %s', (_name, make, text) => {
    expect(make).toThrow(text);
  });
});
