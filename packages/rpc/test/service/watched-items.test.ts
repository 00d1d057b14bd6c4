// Interceptors that watch the items of a stream, whatever its function and its reader do.
import { Readable } from 'node:stream';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  CallLimit,
  CallMetrics,
  type CallOutcome,
  call,
  clientOf,
  defineService,
  refusal,
  type ServerInterceptor,
  serve,
  stream,
} from '../../src/index.ts';
import { traceServer } from '../../src/opentelemetry/index.ts';
import { watchedCall } from '../../src/service/call-outcome.ts';
import { passed, ScriptedCaller } from './scripted-caller.ts';
import { all, serviceEnds } from './service-ends.ts';

const ticks = defineService('ticks', {
  ask: call(z.object({}), z.number()),
  watch: stream(z.object({}), z.number()),
});

/** The API of OpenTelemetry as far as a tracer of services uses it. */
function tracing() {
  const spans: { isOver: number; failed?: string }[] = [];
  const tracer = {
    startSpan: () => {
      const span = { isOver: 0 } as { isOver: number; failed?: string };
      spans.push(span);
      return {
        end: () => {
          span.isOver += 1;
        },
        recordException: (error: Error) => void Object.assign(span, { failed: error.message }),
        setStatus: () => {},
      };
    },
  };
  const api = {
    context: { active: () => ({}), with: (_context: unknown, run: () => unknown) => run() },
    propagation: { extract: () => ({}) },
    trace: { setSpan: () => ({}) },
  };
  return { spans, trace: traceServer({ tracer, api } as never) };
}

/** A server whose calls are traced, counted and limited, with these functions. */
function served(watch: () => unknown, ask: (signal: AbortSignal) => unknown = () => 1) {
  const { spans, trace } = tracing();
  const limit = new CallLimit({ concurrency: 100 });
  const metrics = new CallMetrics();
  const outcomes: CallOutcome[] = [];
  const outcome: ServerInterceptor = (one, next) =>
    watchedCall(one, next, (ended) => outcomes.push(ended));
  const handle = serve(
    ticks,
    { ask: (_input: unknown, { signal }: { signal: AbortSignal }) => ask(signal), watch } as never,
    { interceptors: [trace, outcome, metrics.interceptor, limit.interceptor] },
  );
  const ends = serviceEnds(handle);
  const api = clientOf(ticks, ends.exchange);
  const left = () => [limit.counters.underWay, spans.filter(({ isOver }) => isOver !== 1).length];
  return { ...ends, api, outcomes, limit, spans, left, clock: ends.pair.clock };
}

/** A source that has no item yet. */
function quietSource() {
  const source = {
    left: 0,
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        source.left += 1;
        return { done: true, value: undefined };
      },
    }),
  };
  return source;
}

describe('the items of a stream', () => {
  it('are let go of when they were never asked for', async () => {
    const source = quietSource();
    let begin!: (items: unknown) => void;
    const late = new Promise((resolve) => {
      begin = resolve;
    });
    const { exchange, clock, outcomes, left } = served(() => late);
    const items = clock.run(() => exchange.stream({ method: 'ticks.watch', params: {} }));
    const first = clock.run(() => items.next());
    await passed(clock, 5);
    void clock.run(() => items.return!());
    await first;
    await passed(clock, 5);
    begin(source);
    await passed(clock, 5);
    expect([left(), outcomes, source.left]).toEqual([[0, 0], ['cancelled'], 1]);
  });

  it('are let go of while the next one is awaited', async () => {
    const source = quietSource();
    const { exchange, clock, outcomes, left } = served(() => source);
    const items = clock.run(() => exchange.stream({ method: 'ticks.watch', params: {} }));
    void clock.run(() => items.next());
    await passed(clock, 5);
    void clock.run(() => items.return!());
    await passed(clock, 5);
    expect([left(), outcomes, source.left]).toEqual([[0, 0], ['cancelled'], 1]);
  });

  it('of a stream of Node are, too: it is destroyed', async () => {
    const source = new Readable({ objectMode: true, read() {} });
    const { exchange, clock, left } = served(() => source);
    const items = clock.run(() => exchange.stream({ method: 'ticks.watch', params: {} }));
    void clock.run(() => items.next());
    await passed(clock, 5);
    void clock.run(() => items.return!());
    await passed(clock, 5);
    expect([source.destroyed, left()]).toEqual([true, [0, 0]]);
  });

  it('that are one value are sent as without interceptors, and the stream is over', async () => {
    const { api, during, outcomes, left } = served(() => 7);
    expect(await during(() => all(api.watch({})))).toEqual([7]);
    expect([left(), outcomes]).toEqual([[0, 0], ['ok']]);
  });

  it('that fail, fail the stream once', async () => {
    const { api, during, outcomes, left, spans } = served(async function* () {
      yield 1;
      throw new Error('no more');
    });
    await expect(during(() => all(api.watch({})))).rejects.toThrow();
    expect([left(), outcomes, spans[0]!.failed]).toEqual([[0, 0], ['failed'], 'no more']);
  });

  it('are not made for a notification, which has no answer', async () => {
    let begun = 0;
    const { exchange, clock, left } = served(() => {
      begun += 1;
      return [];
    });
    clock.run(() => void exchange.notify({ method: 'ticks.watch', params: {} }));
    await passed(clock, 5);
    expect([left(), begun]).toEqual([[0, 0], 0]);
  });
});

describe('the reader of a stream', () => {
  it('leaves while it waits for an item, at both ends at once', async () => {
    const source = quietSource();
    const { api, clock, limit } = served(() => source);
    const items = api.watch({});
    const first = clock.run(() => items.next());
    await passed(clock, 5);
    const left = clock.run(() => items.return());
    await passed(clock, 5);
    expect([await first, await left]).toEqual([DONE, DONE]);
    expect([source.left, limit.counters.underWay]).toEqual([1, 0]);
  });

  it('leaves before the call has begun: its own items are let go of, and no call is made', async () => {
    const { exchange } = served(() => []);
    const own = quietSource();
    const both = defineService('ticks', {
      join: stream(z.object({}), z.number(), { items: z.number() }),
    });
    const items = clientOf(both, exchange).join({}, own as AsyncIterable<never>);
    expect(await items.return()).toEqual(DONE);
    expect([await items.next(), own.left, exchange.counts.inFlight]).toEqual([DONE, 1, 0]);
  });

  it('leaves while an interceptor has not made the call yet', async () => {
    let resume!: () => void;
    const waits = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const source = quietSource();
    const place = { ...new ScriptedCaller(new VirtualClock()), stream: () => source };
    const interceptors = [(_call: unknown, next: () => unknown) => waits.then(next)];
    const items = clientOf(ticks, place as never, { interceptors }).watch({});
    const [first, left] = [items.next(), items.return()];
    resume();
    expect([await first, await left, source.left]).toEqual([DONE, DONE, 1]);
  });
});

const DONE = { done: true, value: undefined };

describe('the outcome of a call whose caller does not wait any more', () => {
  const untilAborted = (signal: AbortSignal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });

  it.each<[CallOutcome, object, (abort: () => void, end: () => void) => void]>([
    ['cancelled', {}, (abort) => abort()],
    ['timed-out', { timeoutMs: 20 }, () => {}],
    ['lost', {}, (_abort, end) => end()],
  ])('is %s', async (expected, options, act) => {
    const { api, clock, pair, outcomes, left } = served(() => [], untilAborted);
    const controller = new AbortController();
    const { signal } = controller;
    void clock.run(() => api.ask({}, { ...options, signal })).catch(() => {});
    await passed(clock, 5);
    clock.run(() =>
      act(
        () => controller.abort(),
        () => pair.client.close(),
      ),
    );
    await passed(clock, 50);
    expect([outcomes, left()]).toEqual([[expected], [0, 0]]);
  });

  it('is refused if its function refuses it after that', async () => {
    const refusing = (signal: AbortSignal) =>
      untilAborted(signal).catch(() => {
        throw refusal(7, 'no');
      });
    const { api, clock, outcomes } = served(() => [], refusing);
    const controller = new AbortController();
    void clock.run(() => api.ask({}, { signal: controller.signal })).catch(() => {});
    await passed(clock, 5);
    clock.run(() => controller.abort());
    await passed(clock, 50);
    expect(outcomes).toEqual(['refused']);
  });
});
