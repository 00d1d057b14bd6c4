import { DrainEvent } from '@headrace/core';
import { Fifo } from '@headrace/core/authoring';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { refusal } from '../../src/index.ts';
import { ItemReader } from '../../src/items/item-reader.ts';
import { TwoEnds, watch } from './two-ends.ts';

const bytes = (text: string) => Buffer.from(text);

/** All items as texts, and how it ended. */
async function readAll(items: AsyncIterable<Uint8Array>): Promise<string[]> {
  const seen: string[] = [];
  try {
    for await (const item of items) seen.push(Buffer.from(item).toString());
    seen.push('end');
  } catch (error) {
    seen.push(String((error as { code?: string }).code ?? error));
  }
  return seen;
}

async function* counting(to: number, log: string[] = []): AsyncGenerator<Buffer> {
  try {
    for (let i = 1; i <= to; i++) {
      log.push(`made ${i}`);
      yield bytes(String(i));
    }
  } finally {
    log.push('left');
  }
}

/** Lets both ends go on until nothing happens any more. */
async function settled<T>(ends: TwoEnds, promise: Promise<T>): Promise<T> {
  let isOver = false;
  promise.then(
    () => {
      isOver = true;
    },
    () => {
      isOver = true;
    },
  );
  for (let i = 0; i < 2000 && !isOver; i++) await ends.settle();
  return promise;
}

describe('a stream of the answerer', () => {
  it('brings its items in order, and ends', async () => {
    const ends = new TwoEnds({}, { handle: (body) => counting(Number(body)) });
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('3')));
    expect(await settled(ends, readAll(items))).toEqual(['1', '2', '3', 'end']);
    expect(ends.caller.counts).toMatchObject({ inFlight: 0, lateAnswers: 0, unknownAnswers: 0 });
    expect(ends.answerer.counts).toMatchObject({ running: 0, unanswered: 0 });
  });

  it('a synchronous generator, an array and one value are streams as well', async () => {
    const answers: Record<string, unknown> = {
      generator: (function* () {
        yield bytes('a');
        yield bytes('b');
      })(),
      value: bytes('one'),
      promise: Promise.resolve(bytes('later')),
      nothing: undefined,
    };
    const ends = new TwoEnds({}, { handle: (body) => answers[String(body)] as Buffer });
    const read = (name: string) =>
      settled(ends, readAll(ends.pair.clock.run(() => ends.caller.stream(bytes(name)))));
    expect(await read('generator')).toEqual(['a', 'b', 'end']);
    expect(await read('value')).toEqual(['one', 'end']);
    expect(await read('promise')).toEqual(['later', 'end']);
    expect(await read('nothing')).toEqual(['end']);
  });

  it('waits for a slow reader: no more than the window is on its way', async () => {
    const made: string[] = [];
    const ends = new TwoEnds({ windowItems: 4 }, { handle: () => counting(100, made) });
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    expect(made).toHaveLength(4);
    for (let i = 0; i < 2; i++) await items.next();
    await ends.settle();
    expect(made).toHaveLength(6);
    expect(await settled(ends, readAll(items))).toHaveLength(99);
  });

  it('counts bytes, too: one item may exceed them, and a large one is not a deadlock', async () => {
    let made = 0;
    const ends = new TwoEnds(
      { windowBytes: 1000 },
      {
        async *handle() {
          while (made < 20) {
            made += 1;
            yield Buffer.alloc(made % 2 === 0 ? 400 : 5000);
          }
        },
      },
    );
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    expect(made).toBe(1);
    let read = 0;
    const all = (async () => {
      for await (const _ of items) read += 1;
    })();
    await settled(ends, all);
    expect(read).toBe(20);
  });

  it('a reader that leaves cancels the call, and the generator gets to its finally', async () => {
    const made: string[] = [];
    const ends = new TwoEnds({ windowItems: 3 }, { handle: () => counting(100, made) });
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    const first = (async () => {
      for await (const item of items) return String(item);
      return 'none';
    })();
    expect(await settled(ends, first)).toBe('1');
    await ends.settle();
    expect(made.at(-1)).toBe('left');
    expect(ends.answerer.counts).toMatchObject({ running: 0, unanswered: 0 });
    expect(ends.caller.counts.inFlight).toBe(0);
  });

  it('an error after items comes after them, with its code', async () => {
    const ends = new TwoEnds(
      {},
      {
        async *handle() {
          yield bytes('1');
          throw refusal(2000, 'enough');
        },
      },
    );
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    expect((await items.next()).value?.toString()).toBe('1');
    await expect(items.next()).rejects.toMatchObject({
      code: 'HR_ERR_REQUEST_REFUSED',
      details: { code: 2000, text: 'enough' },
    });
    expect(await items.next()).toEqual({ done: true, value: undefined });
  });

  it('a source whose next item never comes is given up by its return()', async () => {
    let left = 0;
    const source = {
      [Symbol.asyncIterator]: () => source,
      next: () => new Promise<never>(() => {}),
      return: async () => {
        left += 1;
        return { done: true as const, value: undefined };
      },
    };
    const ends = new TwoEnds({}, { handle: () => source });
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    await items.return!();
    await ends.settle();
    expect(left).toBe(1);
  });

  it('an item that is too large for its frame is a failure of the function', async () => {
    const ends = new TwoEnds(
      {},
      {
        async *handle() {
          yield Buffer.alloc(200_000);
        },
      },
    );
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    expect(await settled(ends, readAll(items))).toEqual(['HR_ERR_REQUEST_REFUSED']);
  });

  it('an item that cannot be encoded is a failure of the function', async () => {
    const ends = new TwoEnds(
      {},
      {
        async *handle() {
          yield 'text' as never;
        },
      },
    );
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    expect(await settled(ends, readAll(items))).toEqual(['HR_ERR_REQUEST_REFUSED']);
    expect(ends.logged.join()).toContain('failed a request');
  });

  it('a request of one answer gets an error that says so', async () => {
    const ends = new TwoEnds({}, { handle: () => counting(3) });
    const asked = ends.ask('x');
    await ends.settle();
    expect(asked.outcome).toBe('REQUEST_REFUSED');
    expect(ends.logged.join()).toContain('let the caller ask for a stream');
  });

  it('is refused above maxStreams, and holds no reads', async () => {
    const ends = new TwoEnds(
      { windowItems: 1 },
      {
        concurrency: 1,
        maxStreams: 2,
        handle: (body) => (String(body) === 'plain' ? body : counting(10)),
      },
    );
    const open = () => ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    const [first, second] = [open(), open()];
    expect(await settled(ends, readAll(open()))).toEqual(['HR_ERR_REQUEST_REFUSED']);
    const plain = ends.ask('plain');
    await ends.settle();
    expect(plain.outcome).toBe('plain');
    await settled(ends, first.return!());
    await ends.settle();
    expect(await settled(ends, readAll(open()))).toHaveLength(11);
    await second.return!();
  });

  it('a lost connection fails it after the items that came, and says that it was sent', async () => {
    const ends = new TwoEnds(
      {},
      {
        async *handle() {
          yield bytes('1');
          await new Promise(() => {});
        },
      },
    );
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    ends.pair.clock.run(() => void ends.pair.server.close());
    await ends.settle();
    expect((await items.next()).value?.toString()).toBe('1');
    await expect(items.next()).rejects.toMatchObject({
      code: 'HR_ERR_REQUEST_LOST',
      details: { sent: true },
    });
  });

  it('before there is a connection it waits; a closed one has sent nothing', async () => {
    const ends = new TwoEnds();
    ends.pair.clock.run(() => void ends.pair.client.close());
    await ends.settle();
    await expect(ends.caller.stream(bytes('x')).next()).rejects.toMatchObject({
      code: 'HR_ERR_REQUEST_LOST',
      details: { sent: false },
    });
  });

  it('its time, the wait for an item, and its signal end it', async () => {
    const aborts: string[] = [];
    const ends = new TwoEnds(
      { timeoutMs: 500 },
      {
        async *handle(body, { signal, timeLeftMs }) {
          signal.addEventListener('abort', () => aborts.push(String(body)));
          yield bytes(String(timeLeftMs));
          await new Promise(() => {});
        },
      },
    );
    const open = (name: string, options: object) =>
      ends.pair.clock.run(() => ends.caller.stream(bytes(name), options));
    const controller = new AbortController();
    const timed = readAll(open('timed', { timeoutMs: 300 }));
    const waited = readAll(open('waited', {}));
    const aborted = readAll(open('aborted', { signal: controller.signal, itemTimeoutMs: false }));
    await ends.settle();
    await ends.advance(300);
    expect(await timed).toEqual(['300', 'HR_ERR_TIMEOUT_REQUEST']);
    await ends.advance(200);
    expect(await waited).toEqual(['Infinity', 'HR_ERR_TIMEOUT_REQUEST']);
    ends.pair.clock.run(() => controller.abort());
    expect(await aborted).toEqual(['Infinity', 'HR_ERR_OPERATION_ABORTED']);
    await ends.settle();
    expect(aborts).toEqual(['timed', 'waited', 'aborted']);
  });

  it('a reader that is slow uses no wait up', async () => {
    const ends = new TwoEnds({ timeoutMs: 500, windowItems: 1 }, { handle: () => counting(3) });
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    expect((await items.next()).value?.toString()).toBe('1');
    await ends.advance(5000);
    expect(await settled(ends, readAll(items))).toEqual(['2', '3', 'end']);
  });

  it('waits while the channel is not writable', async () => {
    const made: string[] = [];
    const ends = new TwoEnds(
      { windowItems: 1000, windowBytes: 10_000_000 },
      {
        *handle() {
          for (let i = 0; i < 100; i++) {
            made.push('');
            yield Buffer.alloc(20_000);
          }
        },
      },
      { capacityBytes: 1000 },
    );
    ends.pair.client.autoRead = false;
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    expect(made.length).toBeLessThan(10);
    ends.pair.clock.run(() => {
      ends.pair.client.autoRead = true;
    });
    expect(await settled(ends, readAll(items))).toHaveLength(101);
  });

  it('of a wide window holds the event loop for no more than 256 items at a time', async () => {
    let made = 0;
    const ends = new TwoEnds(
      { windowItems: 60_000, windowBytes: 1_000_000 },
      {
        *handle() {
          for (; made < 3000; made++) yield bytes('x');
        },
      },
    );
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    for (let i = 0; i < 20_000; i++) await null;
    expect(made).toBeLessThanOrEqual(257);
    expect(await settled(ends, readAll(items))).toHaveLength(3001);
  });

  it('holds the drain until it has ended', async () => {
    const ends = new TwoEnds({ windowItems: 1 }, { handle: () => counting(3) });
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    const drain = new DrainEvent(10_000);
    ends.pair.clock.run(() => ends.pair.server.pipeline.fireUserEventTriggered(drain));
    drain.passed(ends.pair.server);
    expect(drain.holds).toEqual(['calls']);
    expect(await settled(ends, readAll(items))).toEqual(['1', '2', '3', 'end']);
    await ends.settle();
    expect([drain.holds, ends.pair.server.isEnding]).toEqual([[], true]);
  });

  it('100,000 items of 1 KiB to a slow reader hold less than 1 MiB at either end', async () => {
    let made = 0;
    let read = 0;
    let most = 0;
    const ends = new TwoEnds(
      {},
      {
        *handle() {
          for (; made < 100_000; made++) yield Buffer.alloc(1024);
        },
      },
    );
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    const all = (async () => {
      for await (const _ of items) {
        read += 1;
        most = Math.max(most, made - read);
      }
    })();
    await settled(ends, all);
    expect(read).toBe(100_000);
    expect(most * 1024).toBeLessThan(1024 * 1024);
  });
});

describe('the reader of a stream', () => {
  it('gives credit when it waits, so that a sender that measures more goes on', () => {
    const took: number[] = [];
    const reader = new ItemReader(
      { items: 100, bytes: 100 },
      { took: (count) => void took.push(count), left: () => {} },
    );
    expect(reader.receive('a', 1)).toBe(true);
    void reader.next();
    expect(took).toEqual([]);
    void reader.next();
    expect(took).toEqual([1]);
  });

  it('refuses twice the bytes of its window', () => {
    const reader = new ItemReader({ items: 100, bytes: 10 }, { took: () => {}, left: () => {} });
    expect([reader.receive('a', 19), reader.receive('b', 1)]).toEqual([true, true]);
    expect(reader.receive('c', 1)).toBe(false);
  });

  it('keeps no memory of the reads of its items when it is slow', async () => {
    const reader = new ItemReader({ items: 100, bytes: 9999 }, { took: () => {}, left: () => {} });
    for (const text of ['a', 'b', 'c'])
      reader.receive(Buffer.alloc(65_536, text).subarray(0, 10), 10);
    const sizes: number[] = [];
    for (let i = 0; i < 3; i++) {
      const { value } = (await reader.next()) as { value: Buffer };
      sizes.push(value.buffer.byteLength);
    }
    expect(sizes).toEqual([10, 10, 65_536]);
  });

  it('looks at each item that it keeps twice at most, even when each has a read of its own', async () => {
    const reader = new ItemReader({ items: 65_536, bytes: 1 << 30 }, { took() {}, left() {} });
    const at = vi.spyOn(Fifo.prototype, 'at');
    onTestFinished(() => at.mockRestore());
    const items = 2000;
    for (let i = 0; i < items; i += 1) {
      reader.receive(Buffer.alloc(2048).subarray(0, 10), 10);
      if (i % 4 === 3) await reader.next();
    }
    expect(at.mock.calls.length).toBeLessThanOrEqual(2 * items);
    const kept: number[] = [];
    for (let left = items - items / 4; left > 0; left -= 1) {
      const { value } = (await reader.next()) as { value: Buffer };
      kept.push(value.buffer.byteLength);
    }
    expect(kept.slice(0, -1).every((size) => size === 10)).toBe(true);
  });

  it('two reads at once are a mistake, and a read after the end is done', async () => {
    const reader = new ItemReader({ items: 1, bytes: 1 }, { took: () => {}, left: () => {} });
    const first = reader.next();
    await expect(reader.next()).rejects.toThrow('next() was called during another next()');
    await reader.return();
    expect([await first, await reader.next()]).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ]);
  });
});

describe('a stream of the caller', () => {
  it('is read as scope.items, and gets one answer', async () => {
    const ends = new TwoEnds(
      {},
      {
        async handle(_body, { items }) {
          let sum = 0;
          for await (const item of items) sum += Number(item);
          return bytes(String(sum));
        },
      },
    );
    const asked = ends.pair.clock.run(() =>
      watch(ends.caller.request(bytes('sum'), { input: [1, 2, 3].map((n) => bytes(String(n))) })),
    );
    await ends.settle();
    expect(asked.outcome).toBe('6');
  });

  it('is not begun before it is read, and given up when the answer comes first', async () => {
    const made: string[] = [];
    const ends = new TwoEnds(
      {},
      {
        async handle(body, { items }) {
          if (String(body) === 'ignores') return body;
          for await (const item of items) return item;
          return undefined;
        },
      },
    );
    const ask = (name: string) =>
      ends.pair.clock.run(() =>
        watch(ends.caller.request(bytes(name), { input: counting(10_000, made) })),
      );
    const ignores = ask('ignores');
    await ends.settle();
    expect([ignores.outcome, made]).toEqual(['ignores', []]);
    const takesOne = ask('takes one');
    await ends.settle();
    expect(takesOne.outcome).toBe('1');
    await ends.settle();
    expect(made.at(-1)).toBe('left');
    expect(made.length).toBeLessThan(200);
  });

  it('an error of it fails the call, and cancels it at the peer', async () => {
    let reason: unknown;
    const ends = new TwoEnds(
      {},
      {
        async handle(_body, { items, signal }) {
          try {
            for await (const _ of items);
          } catch (error) {
            reason = error;
          }
          return bytes(String(signal.aborted));
        },
      },
    );
    const asked = ends.pair.clock.run(() =>
      watch(
        ends.caller.request(bytes('x'), {
          input: (async function* () {
            yield bytes('1');
            throw new Error('no more');
          })(),
        }),
      ),
    );
    await ends.settle();
    expect(asked.outcome).toBe('no more');
    await ends.settle();
    expect(String(reason)).toContain('cancelled');
    expect(ends.answerer.counts.running).toBe(0);
  });

  it('waits for a function that reads slowly', async () => {
    const made: string[] = [];
    let take = () => {};
    const ends = new TwoEnds(
      {},
      {
        windowItems: 4,
        async handle(_body, { items }) {
          for await (const _ of items) await new Promise<void>((resolve) => (take = resolve));
          return bytes('done');
        },
      },
    );
    const asked = ends.pair.clock.run(() =>
      watch(ends.caller.request(bytes('x'), { input: counting(20, made), timeoutMs: false })),
    );
    await ends.settle();
    expect(made.length).toBeLessThanOrEqual(5);
    for (let i = 0; i < 20; i++) {
      take();
      await ends.settle();
    }
    expect(asked.outcome).toBe('done');
  });

  it('both ends stream at the same time: each item is answered by one', async () => {
    const ends = new TwoEnds(
      { windowItems: 2 },
      {
        windowItems: 2,
        async *handle(_body, { items, wantsItems }) {
          expect(wantsItems).toBe(true);
          for await (const item of items) yield bytes(`re:${item}`);
        },
      },
    );
    const items = ends.pair.clock.run(() =>
      ends.caller.stream(bytes('x'), { input: ['a', 'b', 'c', 'd', 'e'].map(bytes) }),
    );
    expect(await settled(ends, readAll(items))).toEqual([
      're:a',
      're:b',
      're:c',
      're:d',
      're:e',
      'end',
    ]);
  });

  it('a call without items has none to read', async () => {
    const ends = new TwoEnds(
      {},
      {
        async handle(_body, { items, wantsItems }) {
          return bytes(`${wantsItems} ${(await readAll(items)).join()}`);
        },
      },
    );
    const asked = ends.ask('x');
    await ends.settle();
    expect(asked.outcome).toBe('false end');
  });
});

/** Raw frames of the binary format, as a peer that keeps to no rule may send them. */
describe('a peer that breaks the rules of streams ends its connection', () => {
  const frame = (kind: number, from: number, id: number, ...content: number[]) =>
    Buffer.from([kind, from, 0, 0, 0, id, ...content]);
  const uint32 = (...values: number[]) =>
    values.flatMap((value) => [value >>> 24, value >>> 16, value >>> 8, value].map((b) => b & 255));
  const open = (id: number, items: number, input: number) =>
    frame(6, 0, id, ...uint32(0, items, items * 100), input);

  async function sent(...frames: Buffer[]): Promise<string> {
    const errors: string[] = [];
    const ends = new TwoEnds(
      {},
      {
        windowItems: 2,
        handle: (body, { items }) => {
          if (String(body) === 'reads') void items[Symbol.asyncIterator]().next();
          return counting(1000);
        },
      },
    );
    ends.pair.server.pipeline.addLast({
      exceptionCaught: (_ctx: unknown, error: Error) => void errors.push(error.message),
    });
    ends.pair.clock.run(() => {
      for (const each of frames) void ends.pair.client.pipeline.writeAndFlush(each);
    });
    await ends.settle();
    onTestFinished(() => ends.pair.clock.run(() => void ends.pair.client.close()));
    return `${ends.pair.server.closeInfo?.reason ?? 'open'}: ${errors.join()}`;
  }

  it.each([
    ['an id in use', [open(1, 4, 0), open(1, 4, 0)], 'the id 1 of a request is in use'],
    ['an item of a call without', [open(1, 4, 0), frame(7, 0, 1, 65)], 'an item for the call 1'],
    [
      'an item above the window',
      [open(1, 0, 1), frame(7, 0, 1, 65), frame(7, 0, 1, 65), frame(7, 0, 1, 65)],
      'an item for the call 1',
    ],
    ['an end without items', [open(1, 4, 0), frame(8, 0, 1)], 'the end of the items of the call 1'],
    ['too much credit', [open(1, 2, 0), frame(9, 0, 1, ...uint32(3))], 'credit for 3 items'],
    ['credit of 0', [open(1, 2, 0), frame(9, 0, 1, ...uint32(0))], 'a number of streams is 0'],
    ['an odd input', [open(1, 2, 2)], 'not 0 or 1'],
    ['a short open', [frame(6, 0, 1, 0, 0, 0, 0)], 'wrong length'],
    ['a long end', [frame(8, 0, 1, 1)], 'wrong length'],
    ['a wrong end of the call', [frame(7, 2, 1)], 'the second byte is not 0 or 1'],
    ['an unknown kind', [frame(12, 0, 1)], 'unknown kind 12'],
  ])('%s', async (_name, frames, text) => {
    expect(await sent(...frames)).toContain(text);
    expect(await sent(...frames)).toContain('bad-input');
  });

  it('what comes for a call that is over is dropped', async () => {
    expect(
      await sent(
        frame(7, 0, 9, 65),
        frame(7, 1, 9, 65),
        frame(8, 0, 9),
        frame(9, 0, 9, ...uint32(1)),
      ),
    ).toBe('open: ');
    expect(await sent(frame(10, 0, 9, ...uint32(1, 1)))).toBe('open: ');
  });
});
