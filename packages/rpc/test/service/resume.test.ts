import { ChannelError, DrainEvent } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { requestAborted } from '@headrace/handlers/call';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  clientOf,
  defineService,
  describeService,
  exponential,
  serve,
  stream,
} from '../../src/index.ts';
import { lost, overloaded, passed, promisesSettled } from './scripted-caller.ts';
import { serviceEnds } from './service-ends.ts';

const From = z.object({ room: z.string(), after: z.number() });
const chat = defineService(
  'chat',
  {
    follow: stream(From, z.number(), { resume: (input, last) => ({ ...input, after: last }) }),
    watch: stream(From, z.number()),
  },
  { errors: { BUSY: 1 } },
);
const backoff = exponential({ baseMs: 100, maxMs: 1000, jitter: 'none' });
const retry = { attempts: 3, backoff };
const start = { room: 'a', after: 0 };

type Step = number | Error | 'waits';
interface Called {
  readonly params: unknown;
  readonly at: number;
  readonly timeoutMs: unknown;
  isLeft: boolean;
}

/** A caller whose streams give the items of a script, one list for each call. */
function scripted(script: readonly (readonly Step[])[], options: object = {}) {
  const clock = new VirtualClock();
  const called: Called[] = [];
  const items = async function* (steps: readonly Step[], signal: AbortSignal | undefined) {
    for (const step of steps) {
      if (step instanceof Error) throw step;
      if (step !== 'waits') yield step;
      else {
        await new Promise((_, reject) =>
          signal?.addEventListener('abort', () => reject(requestAborted(signal, true))),
        );
      }
    }
  };
  const caller = {
    request: () => Promise.reject(new Error('no requests here')),
    notify: () => {
      throw new Error('no notices here');
    },
    stream: (
      { params }: { readonly params?: unknown },
      { timeoutMs, signal }: { timeoutMs?: unknown; signal?: AbortSignal } = {},
    ) => {
      const one: Called = { params, at: clock.now(), timeoutMs, isLeft: false };
      called.push(one);
      const source = items(script[called.length - 1] ?? [], signal);
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => source.next(),
          return: () => {
            one.isLeft = true;
            return Promise.resolve({ done: true as const, value: undefined });
          },
        }),
      };
    },
  };
  const api = clientOf(chat, caller as never, { clock, retry, ...options });
  return { clock, called, api };
}

/** Reads a stream to its end, while the test goes on. */
function read(items: AsyncIterable<number>) {
  const seen: { items: number[]; end?: unknown } = { items: [] };
  void (async () => {
    for await (const item of items) seen.items.push(item);
  })().then(
    () => {
      seen.end = 'done';
    },
    (error) => {
      seen.end = error;
    },
  );
  return seen;
}

const failure = (code: string, details = {}) => ({ code: `HR_ERR_${code}`, details });

describe('a stream with `resume`', () => {
  it('continues after its last item when the connection is lost', async () => {
    const { clock, called, api } = scripted([[1, 2, lost()], [3, lost(false)], [4]]);
    const seen = read(api.follow(start));
    await passed(clock, 300);
    expect(seen).toEqual({ items: [1, 2, 3, 4], end: 'done' });
    expect(called.map(({ params }) => params)).toEqual([
      start,
      { room: 'a', after: 2 },
      { room: 'a', after: 3 },
    ]);
    expect(called.map(({ at }) => at)).toEqual([0, 100, 200]);
  });

  it('begins again with the same input if no item came', async () => {
    const { clock, called, api } = scripted([[lost(false)], [1]]);
    const seen = read(api.follow(start));
    await passed(clock, 200);
    expect(seen).toEqual({ items: [1], end: 'done' });
    expect(called.map(({ params }) => params)).toEqual([start, start]);
  });

  it('survives any number of losses, if each call brings an item', async () => {
    const { clock, api } = scripted(Array.from({ length: 20 }, (_, at) => [at + 1, lost()]));
    const seen = read(api.follow(start));
    await passed(clock, 3000);
    expect(seen.items).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
  });

  it('is given up after a few calls without an item, and says that the first was sent', async () => {
    const { clock, called, api } = scripted([
      [1, lost()],
      [lost(false)],
      [lost(false)],
      [lost(false)],
      [2],
    ]);
    const seen = read(api.follow(start));
    await passed(clock, 3000);
    expect([called.length, seen.items]).toEqual([3, [1]]);
    expect(seen.end).toMatchObject(failure('REQUEST_LOST', { sent: true }));
  });

  it.each<[string, Error]>([
    ['an answer of the service', chat.error('BUSY', 'x')],
    ['an item that is late', new ChannelError('OPERATION_ABORTED', 'x')],
    ['any other error', new Error('x')],
  ])('ends with %s', async (_name, error) => {
    const { clock, called, api } = scripted([[1, error], [2]]);
    const seen = read(api.follow(start));
    await passed(clock, 500);
    expect([seen, called.length]).toEqual([{ items: [1], end: error }, 1]);
  });

  it('continues after an error of the service that is listed, and after an overload in its time', async () => {
    const script = [[1, chat.error('BUSY', 'x')], [2, overloaded(700)], [3]];
    const { clock, called, api } = scripted(script, { retry: { ...retry, errors: ['BUSY'] } });
    const seen = read(api.follow(start));
    await passed(clock, 1000);
    expect(seen).toEqual({ items: [1, 2, 3], end: 'done' });
    expect(called.map(({ at }) => at)).toEqual([0, 100, 800]);
  });

  it('continues by default, and not with `retry: false` of the client or the call', async () => {
    const script = [[1, lost()], [2]];
    const byDefault = scripted(script, { retry: undefined });
    const seen = read(byDefault.api.follow(start));
    await passed(byDefault.clock, 100);
    expect(seen).toEqual({ items: [1, 2], end: 'done' });
    for (const [options, own] of [
      [{ retry: false }, {}] as const,
      [{}, { retry: false }] as const,
    ]) {
      const { clock, called, api } = scripted(script, options);
      const refused = read(api.follow(start, own));
      await passed(clock, 500);
      expect([called.length, refused.items]).toEqual([1, [1]]);
      expect(refused.end).toMatchObject(failure('REQUEST_LOST'));
    }
  });

  it('has one time limit with all its calls', async () => {
    const { clock, called, api } = scripted([[1, lost()], [2, lost()], [3, lost()], [4]]);
    const seen = read(api.follow(start, { timeoutMs: 250 }));
    await passed(clock, 1000);
    expect(called.map(({ timeoutMs }) => timeoutMs)).toEqual([250, 150, 50]);
    expect(seen.items).toEqual([1, 2, 3]);
    expect(seen.end).toMatchObject(failure('REQUEST_LOST', { sent: true }));
  });

  it('ends with its signal during the wait for the next call, and leaves no timer', async () => {
    const { clock, called, api } = scripted([[1, lost()], [2]]);
    const aborter = new AbortController();
    const seen = read(api.follow(start, { signal: aborter.signal }));
    await passed(clock, 50);
    aborter.abort();
    await promisesSettled();
    expect(seen.end).toMatchObject(failure('OPERATION_ABORTED', { sent: true }));
    await passed(clock, 500);
    expect([called.length, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('ends when its reader leaves, during the wait or a call', async () => {
    const waiting = scripted([[1, lost()], [2]]);
    const items = waiting.api.follow(start);
    await items.next();
    const next = items.next();
    await passed(waiting.clock, 50);
    void items.return();
    await promisesSettled();
    expect(await next).toEqual({ done: true, value: undefined });
    await passed(waiting.clock, 500);
    expect([waiting.called.length, waiting.clock.pendingTimers]).toEqual([1, 0]);

    const calling = scripted([
      [1, lost()],
      [2, 'waits'],
    ]);
    const others = calling.api.follow(start);
    await others.next();
    void others.next();
    await passed(calling.clock, 100);
    void others.next();
    void others.return();
    await promisesSettled();
    expect(calling.called.map(({ isLeft }) => isLeft)).toEqual([false, true]);
  });

  it('fails with an error of `resume`', async () => {
    const wrong = new Error('no position');
    const failing = defineService('chat', {
      follow: stream(From, z.number(), {
        resume: () => {
          throw wrong;
        },
      }),
    });
    const { clock, api } = scripted([[1, lost()], [2]]);
    expect(api).toBeDefined();
    const caller = {
      stream: () =>
        (async function* () {
          yield 1;
          throw lost();
        })(),
    };
    const seen = read(clientOf(failing, caller as never, { clock, retry }).follow(start));
    await passed(clock, 200);
    expect(seen).toEqual({ items: [1], end: wrong });
  });

  it('is seen once by an interceptor, with the items of all calls', async () => {
    const seenBy: string[] = [];
    const interceptors = [
      async ({ method }: { method: string }, next: () => Promise<unknown>) => {
        seenBy.push(method);
        return next();
      },
    ];
    const { clock, api } = scripted([[1, lost()], [2]], { interceptors });
    const seen = read(api.follow(start));
    await passed(clock, 200);
    expect([seen.items, seenBy]).toEqual([[1, 2], ['follow']]);
  });
});

describe('a stream without `resume`', () => {
  it('ends with the loss, after its items', async () => {
    const { clock, called, api } = scripted([[1, lost()], [2]]);
    const seen = read(api.watch(start));
    await passed(clock, 500);
    expect([called.length, seen.items]).toEqual([1, [1]]);
    expect(seen.end).toMatchObject(failure('REQUEST_LOST'));
  });
});

describe('a drain of the server', () => {
  const numbers = async function* (_input: unknown, { signal }: { signal: AbortSignal }) {
    yield 1;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  const served = () => {
    const ends = serviceEnds(serve(chat, { follow: numbers, watch: numbers }));
    const passed = async () => {
      for (let times = 0; times < 3; times += 1) await ends.during(() => promisesSettled());
    };
    return { ...ends, passed, api: clientOf(chat, ends.exchange, { retry: false }) };
  };

  it('ends streams that continue elsewhere at once, and waits for the others', async () => {
    const { api, pair, passed } = served();
    const [follow, watch] = [read(api.follow(start)), read(api.watch(start))];
    await passed();
    expect([follow, watch]).toEqual([{ items: [1] }, { items: [1] }]);
    const drain = new DrainEvent(5000);
    pair.server.pipeline.fireUserEventTriggered(drain);
    await passed();
    expect(follow.end).toMatchObject(failure('REQUEST_LOST', { sent: true }));
    expect([watch.end, drain.holds]).toEqual([undefined, ['calls']]);
  });

  it('that moves the channel takes no such streams, until it is given up', async () => {
    const { api, pair, passed } = served();
    const drain = new DrainEvent(5000, () => {});
    pair.server.pipeline.fireUserEventTriggered(drain);
    const [follow, watch] = [read(api.follow(start)), read(api.watch(start))];
    await passed();
    expect([follow.end, watch.items]).toMatchObject([failure('REQUEST_LOST'), [1]]);
    drain.giveUp();
    const later = read(api.follow(start));
    await passed();
    expect(later).toEqual({ items: [1] });
  });
});

describe('the definition of a stream with `resume`', () => {
  it('has no items of its caller', () => {
    const both = { items: z.number(), resume: () => start } as never;
    expect(() => stream(From, z.number(), both)).toThrow('a stream with items cannot resume');
  });

  it('is a part of the description', () => {
    const resumed = defineService('chat', { follow: chat.methods.follow });
    expect(describeService(resumed).methods['follow']).toMatchObject({ idempotent: true });
  });

  it('allows `retry` for a client that has only streams', () => {
    const only = defineService('chat', { follow: chat.methods.follow });
    expect(() => clientOf(only, {} as never, { retry })).not.toThrow();
  });
});
