import { Readable } from 'node:stream';
import { jsonSize } from '@headrace/handlers/call';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ItemReader } from '../../src/items/item-reader.ts';
import { ItemWriter } from '../../src/items/item-writer.ts';
import { TwoEnds, watch } from './two-ends.ts';

const bytes = (text: string) => Buffer.from(text);

/** Rejections that nobody handles, while the test runs. */
function unhandled(): unknown[] {
  const seen: unknown[] = [];
  const note = (reason: unknown): void => void seen.push(reason);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', note);
  onTestFinished(() => {
    process.removeAllListeners('unhandledRejection');
    for (const other of others) process.on('unhandledRejection', other);
  });
  return seen;
}

/** A source that logs what is done with it, and whose parts the test may replace. */
function source(log: string[], parts: object = {}) {
  const iterator = {
    next: async (): Promise<IteratorResult<Buffer>> => {
      log.push('next');
      return { done: false, value: bytes('x') };
    },
    return: async (): Promise<IteratorResult<Buffer>> => {
      log.push('return');
      return { done: true, value: undefined };
    },
    ...parts,
  };
  return { ...parts, [Symbol.asyncIterator]: () => iterator };
}

describe('a source of items is given up, once, whatever it is', () => {
  it('one with a destroy() of its own that is not a stream, or throws', async () => {
    const rejections = unhandled();
    for (const destroy of [
      () => {},
      () => {
        throw new Error('destroy threw');
      },
    ]) {
      const log: string[] = [];
      const ends = new TwoEnds({ windowItems: 2 }, { handle: () => source(log, { destroy }) });
      const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
      await ends.settle();
      await items.return!();
      await ends.settle();
      expect(log).toEqual(['next', 'next', 'return']);
      expect(ends.answerer.counts).toMatchObject({ running: 0, unanswered: 0 });
    }
    expect(rejections).toEqual([]);
  });

  it('its error ends the stream at once, although its return() never settles', async () => {
    const log: string[] = [];
    const next = () => Promise.reject(new Error('broken'));
    const never = () => new Promise<never>(() => {});
    const ends = new TwoEnds({}, { handle: () => source(log, { next, return: never }) });
    const read = watch(ends.pair.clock.run(() => ends.caller.stream(bytes('x'))).next());
    await ends.settle();
    expect(read.outcome).toBe('REQUEST_REFUSED');
    expect(ends.answerer.counts.running).toBe(0);
  });

  it('one that a function returns after its call was cancelled', async () => {
    let cancelled = 0;
    let resolve!: (stream: ReadableStream<Buffer>) => void;
    const promise = new Promise<ReadableStream<Buffer>>((each) => {
      resolve = each;
    });
    const ends = new TwoEnds({}, { handle: () => promise as never });
    const items = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    await items.return!();
    await ends.settle();
    resolve(new ReadableStream({ cancel: () => void cancelled++ }));
    await ends.settle();
    expect(cancelled).toBe(1);
  });

  it.each(['answered', 'cancelled', 'closed'])(
    'one that a function returns for a call of one answer, which is %s',
    async (how) => {
      const stream = new Readable({ read() {} });
      let resolve!: (stream: Readable) => void;
      const promise = new Promise<Readable>((each) => {
        resolve = each;
      });
      const ends = new TwoEnds({}, { handle: () => promise as never });
      const controller = new AbortController();
      ends.ask('x', { signal: controller.signal });
      await ends.settle();
      if (how === 'cancelled') ends.pair.clock.run(() => controller.abort());
      if (how === 'closed') ends.pair.clock.run(() => void ends.pair.server.close());
      await ends.settle();
      resolve(stream);
      await ends.settle();
      expect(stream.destroyed).toBe(true);
    },
  );

  it('the input of a call that is refused at once', async () => {
    const ends = new TwoEnds();
    const inputs = [0, 1].map(() => new Readable({ read() {} }));
    const signal = AbortSignal.abort();
    const first = ends.ask('x', { input: inputs[0]!, signal });
    ends.pair.clock.run(() => void ends.pair.client.close());
    await ends.settle();
    const second = ends.ask('x', { input: inputs[1]! });
    await ends.settle();
    expect([first.outcome, second.outcome]).toEqual([
      'OPERATION_ABORTED sent false',
      'REQUEST_LOST sent false',
    ]);
    expect(inputs.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });
});

describe('a stream of a peer that wants the memory of this end', () => {
  it('a window without bounds lets no more items be under way than we keep count of', async () => {
    let written = 0;
    const wire = { messageOf: (item: unknown) => item, sizeOf: () => 0 };
    const write = () => {
      written += 1;
      return { isSettled: false };
    };
    const window = { items: 0xffff_ffff, bytes: 0xffff_ffff };
    const clock = { nextTurn: (task: () => void) => void setImmediate(task) };
    const output = { isWritable: true, write, ctx: { clock } };
    const writer = new ItemWriter(output as never, wire, window);
    function* endless() {
      for (let i = 0; i < 1_000_000; i++) yield '';
    }
    void writer.send(endless());
    for (let turns = 0; turns < 1000; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBe(65_536);
  });

  it('an object whose toJSON() returns itself has a size', () => {
    const itself = {
      name: 'ann',
      toJSON() {
        return this;
      },
    };
    expect(jsonSize(itself)).toBe(jsonSize({ name: 'ann' }));
    expect(jsonSize({ inner: itself })).toBe(jsonSize({ inner: { name: 'ann' } }));
  });

  it('warns once of notifications that fail, or are dropped', async () => {
    const ends = new TwoEnds(
      {},
      {
        handle: () => {
          throw new Error('broken');
        },
      },
    );
    for (let i = 0; i < 5; i++) ends.notify('x');
    for (let i = 0; i < 5; i++) ends.ask('x');
    await ends.settle();
    const warned = ends.logged.filter((line) => line.startsWith('warn'));
    expect(warned).toHaveLength(1);
    expect(warned[0]).toContain('debug');
    expect(ends.logged.filter((line) => line.startsWith('debug'))).toHaveLength(9);
  });
});

describe('a reader', () => {
  it('that is thrown into leaves, and the error is the one thrown', async () => {
    let left = 0;
    const reader = new ItemReader(
      { items: 1, bytes: 1 },
      { took: () => {}, left: () => void left++ },
    );
    await expect(reader.throw(new Error('mine'))).rejects.toThrow('mine');
    expect([left, await reader.next()]).toEqual([1, { done: true, value: undefined }]);
  });

  it('of many items copies each at most once', async () => {
    const reader = new ItemReader({ items: 9, bytes: 99_999 }, { took() {}, left() {} });
    const kept: Buffer[] = [];
    for (let i = 0; i < 9; i++) {
      const item = Buffer.alloc(65_536, i).subarray(0, 10);
      reader.receive(item, 10);
      kept.push(item);
    }
    for (let i = 0; i < 9; i++) {
      const { value } = (await reader.next()) as { value: Buffer };
      expect(value.equals(kept[i]!)).toBe(true);
    }
  });
});
