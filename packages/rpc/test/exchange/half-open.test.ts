// The peer has ended its half of the connection: nothing waits for what cannot come any more.
import { describe, expect, it } from 'vitest';
import { binaryExchange } from '../../src/exchange/binary-exchange.ts';
import type { BinaryExchange } from '../../src/exchange/binary-frame.ts';
import { ExchangeHandler } from '../../src/exchange/exchange-handler.ts';
import type { ExchangeOptions } from '../../src/exchange/exchange-options.ts';
import { TwoEnds, watch } from './two-ends.ts';

type Options = Partial<ExchangeOptions<BinaryExchange>>;

const bytes = (text: string) => Buffer.from(text);

const halfOpen = (caller: Options = {}, answerer: Options = {}): TwoEnds =>
  new TwoEnds(caller, answerer, { allowHalfOpen: true });

/** The items and the code of the error, as they come. */
function reading(items: AsyncIterable<Uint8Array>): string[] {
  const seen: string[] = [];
  const read = async (): Promise<void> => {
    for await (const item of items) seen.push(Buffer.from(item).toString());
    seen.push('end');
  };
  read().catch((error: { code?: string }) => seen.push(String(error.code)));
  return seen;
}

/** Items that come by hand. */
function source() {
  const log: string[] = [];
  let give: (item: Buffer) => void = () => undefined;
  async function* items(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield await new Promise<Buffer>((resolve) => (give = resolve));
    } finally {
      log.push('left');
    }
  }
  return { items: items(), log, give: (text: string) => give(bytes(text)) };
}

async function* counting(to: number): AsyncGenerator<Buffer> {
  for (let i = 1; i <= to; i += 1) yield bytes(String(i));
}

async function callerEnds(ends: TwoEnds): Promise<void> {
  ends.pair.clock.run(() => ends.pair.client.shutdown('output'));
  await ends.settle();
}

async function answererEnds(ends: TwoEnds): Promise<void> {
  ends.pair.clock.run(() => ends.pair.server.shutdown('output'));
  await ends.settle();
}

describe('the caller has ended its half', () => {
  it('ends the wait for its items with an error, after the items that came', async () => {
    const seen: string[] = [];
    const handle: Options['handle'] = async (_body, { items }) => {
      try {
        for await (const item of items) seen.push(String(item));
      } catch (error) {
        seen.push(String((error as { code?: string }).code));
      }
      return bytes('answered all the same');
    };
    const ends = halfOpen({}, { handle });
    const { items, give } = source();
    const call = ends.pair.clock.run(() =>
      watch(ends.caller.request(bytes('x'), { input: items })),
    );
    await ends.settle();
    give('a');
    await ends.settle();
    expect(seen).toEqual(['a']);
    await callerEnds(ends);
    expect(seen).toEqual(['a', 'HR_ERR_REQUEST_LOST']);
    expect(call.outcome).toBe('answered all the same');
  });

  it('gives items that wait for a slow reader before the error', async () => {
    let read = (): Promise<IteratorResult<Uint8Array>> => Promise.reject(new Error('not called'));
    const handle: Options['handle'] = (_body, { items, signal }) => {
      const iterator = items[Symbol.asyncIterator]();
      read = () => iterator.next();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(bytes(''))));
    };
    const ends = halfOpen({}, { handle });
    ends.pair.clock.run(() => {
      const input = [bytes('a'), bytes('b'), bytes('c')];
      const items = (async function* () {
        yield* input;
        await new Promise(() => {});
      })();
      ends.caller.request(bytes('x'), { input: items }).catch(() => {});
    });
    await ends.settle();
    const first = read();
    await ends.settle();
    await callerEnds(ends);
    expect(String((await first).value)).toBe('a');
    expect(String((await read()).value)).toBe('b');
    expect(String((await read()).value)).toBe('c');
    await expect(read()).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_LOST' });
  });

  it('fails a function that reads its items only afterwards', async () => {
    const go: (() => void)[] = [];
    const seen: string[][] = [];
    const handle: Options['handle'] = async (_body, { items }) => {
      await new Promise<void>((resolve) => go.push(resolve));
      seen.push(reading(items));
      return bytes('ok');
    };
    const ends = halfOpen({}, { handle });
    ends.pair.clock.run(() => watch(ends.caller.request(bytes('x'), { input: [bytes('a')] })));
    await ends.settle();
    await callerEnds(ends);
    go[0]!();
    await ends.settle();
    expect(seen).toEqual([['HR_ERR_REQUEST_LOST']]);
  });

  it('does not touch items whose end has come', async () => {
    const seen: string[][] = [];
    const handle: Options['handle'] = (_body, { items }) => {
      seen.push(reading(items));
      return new Promise(() => {});
    };
    const ends = halfOpen({}, { handle });
    ends.pair.clock.run(() => watch(ends.caller.request(bytes('x'), { input: [bytes('a')] })));
    await ends.settle();
    await callerEnds(ends);
    expect(seen).toEqual([['a', 'end']]);
  });

  it('fails a stream whose window is full, when it has one item more', async () => {
    const ends = halfOpen({ windowItems: 4 }, { handle: () => counting(100) });
    const stream = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    await callerEnds(ends);
    expect(ends.answerer.counts).toMatchObject({ running: 0, unanswered: 0 });
    const seen = reading(stream);
    await ends.settle();
    expect(seen).toEqual(['1', '2', '3', '4', 'HR_ERR_REQUEST_REFUSED']);
    expect(ends.logged.join()).toContain('its window for items is full, and cannot open again');
  });

  it('lets a stream that fills the window exactly end', async () => {
    const ends = halfOpen({ windowItems: 4 }, { handle: () => counting(4) });
    const stream = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    await callerEnds(ends);
    const seen = reading(stream);
    await ends.settle();
    expect(seen).toEqual(['1', '2', '3', '4', 'end']);
  });

  it('lets a stream go on as far as the window goes, and gives up its source then', async () => {
    const { items, log, give } = source();
    const ends = halfOpen({ windowItems: 3 }, { handle: () => items });
    const stream = ends.pair.clock.run(() => ends.caller.stream(bytes('x')));
    await ends.settle();
    give('a');
    await callerEnds(ends);
    give('b');
    await ends.settle();
    give('c');
    await ends.settle();
    expect([log, ends.answerer.counts.running]).toEqual([[], 1]);
    give('d');
    await ends.settle();
    expect([log, ends.answerer.counts.running]).toEqual([['left'], 0]);
    const seen = reading(stream);
    await ends.settle();
    expect(seen).toEqual(['a', 'b', 'c', 'HR_ERR_REQUEST_REFUSED']);
  });

  it('lets a plain call have its answer', async () => {
    const ends = halfOpen();
    const call = ends.ask('x');
    await callerEnds(ends);
    await ends.answer('x');
    expect(call.outcome).toBe('re:x');
  });
});

describe('the answerer has ended its half', () => {
  it('fails calls of all kinds at once, items that came are read first', async () => {
    const { items, give } = source();
    const handle: Options['handle'] = (body) =>
      String(body) === 'stream' ? items : new Promise(() => {});
    const ends = halfOpen({ maxInFlight: 3 }, { handle });
    const input = source();
    const stream = ends.pair.clock.run(() => ends.caller.stream(bytes('stream')));
    const plain = ends.ask('plain');
    const sending = ends.ask('sending', { input: input.items });
    const queued = ends.ask('queued');
    await ends.settle();
    give('a');
    await ends.settle();
    await answererEnds(ends);
    expect([plain, sending, queued].map(({ outcome }) => outcome)).toEqual([
      'REQUEST_LOST sent true',
      'REQUEST_LOST sent true',
      'REQUEST_LOST sent false',
    ]);
    const seen = reading(stream);
    await ends.settle();
    expect(seen).toEqual(['a', 'HR_ERR_REQUEST_LOST']);
  });

  it('fails a reader that waits', async () => {
    const ends = halfOpen({}, { handle: () => source().items });
    const seen = reading(ends.pair.clock.run(() => ends.caller.stream(bytes('x'))));
    await ends.settle();
    expect(seen).toEqual([]);
    await answererEnds(ends);
    expect(seen).toEqual(['HR_ERR_REQUEST_LOST']);
  });

  it('fails calls made afterwards, also over a handler that comes afterwards', async () => {
    const ends = halfOpen();
    await answererEnds(ends);
    const call = ends.ask('x');
    const late = new ExchangeHandler({ format: binaryExchange() });
    ends.pair.clock.run(() => ends.pair.client.pipeline.addLast(late));
    const another = ends.pair.clock.run(() => watch(late.request(bytes('y'))));
    const seen = reading(ends.pair.clock.run(() => late.stream(bytes('z'))));
    await ends.settle();
    expect([call, another].map(({ outcome }) => outcome)).toEqual([
      'REQUEST_LOST sent false',
      'REQUEST_LOST sent false',
    ]);
    expect(seen).toEqual(['HR_ERR_REQUEST_LOST']);
  });
});
