import { lengthPrefixed } from '@headrace/codec';
import type { Channel, Context, Handler } from '@headrace/core';
import { type ConnectedPair, connectedPair } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BinaryExchange, binaryExchange, ExchangeHandler, refusal } from '../../src/index.ts';
import { Desk, type Watched, watch } from './two-ends.ts';

/** Lets only so many bytes arrive, then the connection breaks: what was under way is gone, in both directions. */
class Cable implements Handler {
  private left: number;
  private readonly broke: () => void;

  constructor(left: number, broke: () => void) {
    this.left = left;
    this.broke = broke;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    if (this.left < 0) return;
    const arrived = bytes.subarray(0, this.left);
    this.left -= bytes.length;
    if (arrived.length > 0) ctx.fireChannelRead(arrived);
    if (this.left <= 0) {
      this.left = -1;
      this.broke();
    }
  }
}

interface Asked {
  readonly text: string;
  readonly watched: Watched;
  readonly aborter: AbortController;
}

interface NetworkTraits {
  /** Bytes that arrive at each end before the connection breaks. */
  readonly bytes: readonly [number, number];
  readonly capacityBytes: number;
  readonly maxInFlight: number;
  readonly concurrency: number;
}

/** Two ends that ask each other over a connection that breaks. */
class Network {
  readonly pair: ConnectedPair;
  readonly ends: readonly {
    readonly exchange: ExchangeHandler<BinaryExchange>;
    readonly desk: Desk;
    readonly asked: Asked[];
  }[];
  private serial = 0;

  constructor({ bytes, capacityBytes, maxInFlight, concurrency }: NetworkTraits) {
    const format = binaryExchange();
    this.ends = [0, 1].map(() => {
      const desk = new Desk();
      const limits = { maxInFlight, maxQueued: 8, concurrency, timeoutMs: 1000 };
      const exchange = new ExchangeHandler({ format, handle: desk.handle, ...limits });
      return { desk, exchange, asked: [] };
    });
    const fill = (index: 0 | 1) => (channel: Channel) =>
      channel.pipeline.addLast(
        new Cable(bytes[index], () => this.pair.clock.execute(() => this.break())),
        ...lengthPrefixed({ maxFrameLength: 10_000 }),
        this.ends[index]!.exchange,
      );
    this.pair = connectedPair({ client: fill(0), server: fill(1), capacityBytes });
  }

  break(): void {
    this.pair.client.abort();
    this.pair.server.abort();
  }

  /** In one event: they share a flush and a future. */
  askSeveral(count: number, from: number, size: number, timeoutMs: number): void {
    this.pair.clock.run(() => {
      for (let i = 0; i < count; i++) this.ask(from, size, timeoutMs);
    });
  }

  ask(from: number, size: number, timeoutMs: number): void {
    const { exchange, asked } = this.ends[from]!;
    const text = `${this.serial}`.padEnd(size, '.');
    this.serial += 1;
    const aborter = new AbortController();
    const options = { timeoutMs, signal: aborter.signal };
    const call = this.pair.clock.run(() => exchange.request(Buffer.from(text), options));
    asked.push({ text, watched: watch(call), aborter });
  }

  notify(from: number): void {
    const { exchange } = this.ends[from]!;
    this.pair.clock.run(() => exchange.notify(Buffer.from(`n${this.serial}`)).onSettled(() => {}));
    this.serial += 1;
  }

  abort(from: number, which: number): void {
    const { asked } = this.ends[from]!;
    const one = asked[which % Math.max(1, asked.length)];
    if (one !== undefined) this.pair.clock.run(() => one.aborter.abort());
  }

  answer(at: number, which: number, isRefusal: boolean): void {
    const { desk } = this.ends[at]!;
    const text = desk.begun[which % Math.max(1, desk.begun.length)];
    if (text === undefined) return;
    if (isRefusal) desk.fail(text, refusal(1024, text.trimEnd()));
    else desk.answer(text);
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 6; i++) {
      await null;
      this.pair.clock.runTasks();
    }
  }

  /** What must be true of every history once the connection is gone. */
  check(): void {
    const [near, far] = this.ends;
    for (const [caller, answerer] of [
      [near!, far!],
      [far!, near!],
    ] as const) {
      const { begun } = answerer.desk;
      expect(new Set(begun).size).toBe(begun.length);
      for (const { text, watched } of caller.asked) {
        expect(watched.settled).toBe(1);
        const wasExecuted = begun.includes(text);
        const { outcome, error } = watched;
        if (error === undefined) expect(outcome).toBe(`re:${text}`);
        if (error === undefined || outcome === 'REQUEST_REFUSED') expect(wasExecuted).toBe(true);
        else if (wasExecuted)
          expect([text, outcome]).toEqual([text, expect.stringMatching(/sent true$/)]);
      }
      expect(caller.exchange.counts).toMatchObject({ inFlight: 0, queued: 0, unanswered: 0 });
      expect(caller.exchange.counts.unknownAnswers).toBe(0);
    }
    expect(this.pair.clock.pendingTimers).toBe(0);
    expect([...this.pair.client.readHolds, ...this.pair.server.readHolds]).toEqual([]);
  }
}

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      end: fc.nat(1),
      size: fc.integer({ min: 3, max: 60 }),
      count: fc.integer({ min: 1, max: 6 }),
      timeoutMs: fc.integer({ min: 1, max: 100 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      end: fc.nat(1),
      which: fc.nat(20),
      isRefusal: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('notify' as const), end: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('abort' as const), end: fc.nat(1), which: fc.nat(20) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(60) }) },
);

const traits = fc.record({
  bytes: fc.tuple(fc.nat(900), fc.nat(900)),
  capacityBytes: fc.constantFrom(7, 50, 65_536),
  maxInFlight: fc.constantFrom(2, 1000),
  concurrency: fc.constantFrom(1, 3, 100),
});

describe('calls over connections that break', () => {
  it('settle once, are executed at most once, and sent is false only for what was not executed', async () => {
    await fc.assert(
      fc.asyncProperty(traits, fc.array(step, { maxLength: 60 }), async (of, steps) => {
        const network = new Network(of);
        for (const one of steps) {
          if (one.do === 'ask') network.askSeveral(one.count, one.end, one.size, one.timeoutMs);
          else if (one.do === 'answer') network.answer(one.end, one.which, one.isRefusal);
          else if (one.do === 'notify') network.notify(one.end);
          else if (one.do === 'abort') network.abort(one.end, one.which);
          else network.pair.clock.advance(one.ms);
          await network.settle();
        }
        network.pair.clock.run(() => network.break());
        await network.settle();
        network.check();
      }),
      { numRuns: 300 },
    );
  });

  it('broken at each byte: what arrived whole is executed, and nothing else', async () => {
    const sizes = [3, 30, 5];
    const ends = sizes.map((_, at) =>
      sizes.slice(0, at + 1).reduce((sum, one) => sum + one + 14, 0),
    );
    for (let bytes = 1; bytes <= ends.at(-1)! + 1; bytes++) {
      const limits = { capacityBytes: 20, maxInFlight: 10, concurrency: 10 };
      const network = new Network({ bytes: [1e6, bytes], ...limits });
      for (const size of sizes) network.ask(0, size, 1000);
      await network.settle();
      if (bytes > ends.at(-1)!) network.pair.clock.run(() => network.break());
      await network.settle();
      network.check();
      const executed = ends.filter((end) => end <= bytes).length;
      expect(network.ends[1]!.desk.begun).toHaveLength(executed);
    }
  });
});
