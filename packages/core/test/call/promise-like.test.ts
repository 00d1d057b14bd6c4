import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../src/call/at-once.ts';
import { isPromiseLike, onRejection, whenSettled } from '../../src/call/promise-like.ts';
import { sequential } from '../../src/index.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

type Then = (succeed: (value: string) => void, fail: (error: Error) => void) => void;

/** A value with this method `then`, as a query of a database library has one. */
function thenable(then: Then): PromiseLike<void> {
  return { then } as unknown as PromiseLike<void>;
}

const throws = () =>
  thenable(() => {
    throw new Error('then throws');
  });
const getterThrows = () =>
  Object.defineProperty({}, 'then', {
    get: () => {
      throw new Error('then throws');
    },
  }) as PromiseLike<void>;
/** Breaks the rule that only the first outcome counts. */
const settlesTwice = () =>
  thenable((succeed, fail) => {
    succeed('first');
    fail(new Error('second'));
    succeed('third');
  });
// biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
const schema = { if: {}, then: { type: 'object' }, else: false };

it('counts as promises what await waits for', () => {
  const query = Object.assign(() => {}, throws());
  for (const given of [Promise.resolve(), throws(), getterThrows(), query]) {
    expect(isPromiseLike(given)).toBe(true);
  }
  for (const given of [undefined, null, 1, 'then', () => {}, {}, schema]) {
    expect(isPromiseLike(given)).toBe(false);
  }
});

/** What `whenSettled` told, at once and later. */
async function outcomesOf(given: PromiseLike<void>): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  whenSettled(
    given,
    (value) => void outcomes.push(value),
    (thrown) => void outcomes.push((thrown as Error).message),
  );
  await turn();
  return outcomes;
}

describe('whenSettled', () => {
  it('fails with what a then throws', async () => {
    expect(await outcomesOf(throws())).toEqual(['then throws']);
    expect(await outcomesOf(getterThrows())).toEqual(['then throws']);
    expect(await outcomesOf(Promise.reject(new Error('rejected')))).toEqual(['rejected']);
  });

  it('tells the first outcome only', async () => {
    expect(await outcomesOf(settlesTwice())).toEqual(['first']);
    const late = thenable((succeed, fail) => {
      setImmediate(() => {
        fail(new Error('first'));
        succeed('second');
      });
      throw new Error('thrown before');
    });
    expect(await outcomesOf(late)).toEqual(['thrown before']);
    await turn();
  });

  it('does not take an error of the function that it calls for one of the then', () => {
    const given = thenable((succeed) => succeed('value'));
    const throwing = () => {
      throw new Error('of the caller');
    };
    const failed = () => expect.unreachable();
    expect(() => whenSettled(given, throwing, failed)).toThrow('of the caller');
  });

  it('waits for a promise that is the outcome of another one', async () => {
    const within = (promise: unknown) => thenable((succeed) => succeed(promise as string));
    expect(await outcomesOf(within(Promise.reject(new Error('rejected'))))).toEqual(['rejected']);
    expect(await outcomesOf(within(within('value')))).toEqual(['value']);
    expect(await outcomesOf(within(throws()))).toEqual(['then throws']);
  });

  it('trusts no promise of a class of the application', async () => {
    class Query extends Promise<void> {
      // biome-ignore lint/suspicious/noThenProperty: a query that cannot be sent
      override then(): never {
        throw new Error('then throws');
      }
    }
    expect(await outcomesOf(new Query(() => {}))).toEqual(['then throws']);
  });
});

describe('what a function of the application returns', () => {
  it('may have a member named then', async () => {
    expect(atOnce('decode', schema)).toBe(schema);
    onRejection(schema, (error) => expect.unreachable(error.message));
    const lines: string[] = [];
    const channel = new EmbeddedChannel({
      channelRead: () => schema as never,
      exceptionCaught: (_ctx, error) => void lines.push(error.message),
    });
    channel.writeInbound('message');
    await turn();
    expect(lines).toEqual([]);
  });

  it('is refused where a promise is, also with a then that throws', async () => {
    const text = 'decode returned a promise, but must return its answer at once';
    for (const make of [throws, getterThrows, settlesTwice]) {
      expect(() => atOnce('decode', make())).toThrow(new TypeError(text));
    }
    await turn();
  });

  it('reports a then that throws as a rejection', async () => {
    const seen: string[] = [];
    onRejection(throws(), (error) => seen.push(error.message));
    const exceptionCaught = (_: unknown, error: Error) => void seen.push(error.message);
    const plain = { channelRead: () => throws() };
    const ordered = sequential({ channelRead: () => throws() });
    for (const reader of [plain, ordered]) {
      const channel = new EmbeddedChannel(reader, { exceptionCaught });
      channel.writeInbound('message');
      await turn();
    }
    expect(seen).toEqual(['then throws', 'then throws', 'then throws']);
  });

  it('lets a sequential handler read on once, however often it settles', async () => {
    const read: unknown[] = [];
    let running = 0;
    const channel = new EmbeddedChannel(
      sequential({
        async channelRead(_ctx, message) {
          running += 1;
          read.push(`${message} ${running}`);
          await turn();
          running -= 1;
        },
      }),
    );
    const first = new EmbeddedChannel(sequential({ channelRead: () => settlesTwice() }));
    first.writeInbound(1, 2);
    channel.writeInbound(1, 2, 3);
    for (let i = 0; i < 8; i += 1) await turn();
    expect(read).toEqual(['1 1', '2 1', '3 1']);
    expect(first.isReadHeld).toBe(false);
  });
});
