import { RequestClient, RetryBudget, spread } from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type MemoryTarget,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryWorld } from '../reconnect/memory-world.ts';

type Retry = 'unsent' | 'idempotent' | 'never';

interface Traits {
  readonly retry: Retry;
  readonly connections: number;
  readonly capacityBytes: number;
  readonly maxInFlight: number;
}

/** What became of one call or notification. */
interface Asked {
  readonly text: string;
  readonly isNotice: boolean;
  settled: number;
  answer: string | undefined;
  error: { readonly code?: string; readonly details?: { readonly sent?: boolean } } | undefined;
}

const BURST = 3;
const TIMEOUT_MS = 3000;
const format = binaryExchange();
const frames = () => lengthPrefixed({ maxFrameLength: 2000 });

/** One client and one server, which is slow, loses its connections, goes and comes back. */
class Calls {
  readonly world: MemoryWorld;
  readonly asked: Asked[] = [];
  readonly executed = new Map<string, number>();
  private readonly retry: Retry;
  private readonly client: RequestClient<BinaryExchange, MemoryTarget>;
  private readonly aborts: AbortController[] = [];
  private server: Server | undefined = undefined;
  private slowness = 300;

  constructor({ retry, connections, capacityBytes, maxInFlight }: Traits, phase: number) {
    this.world = new MemoryWorld(capacityBytes);
    this.retry = retry;
    const { clock } = this.world;
    const fill = ({ pipeline }: Channel) =>
      pipeline.addLast(...frames(), new ExchangeHandler({ format, maxInFlight, maxQueued: 4 }));
    this.client = new RequestClient<BinaryExchange, MemoryTarget>({
      client: {
        bootstrap: new Bootstrap().options({ logger: silentLogger, clock }).handler(fill),
        addresses: [this.world.place('calls')],
        retry: spread({ firstMs: 300, maxMs: 1000 }),
        random: () => phase,
        logger: silentLogger,
        clock,
      },
      retry,
      ...(retry === 'idempotent' && {
        budget: new RetryBudget({ perSecond: 0.001, burst: BURST }),
      }),
      connections,
      timeoutMs: TIMEOUT_MS,
      maxWaiting: 8,
    });
    void this.client.start().catch(() => {});
  }

  async up(): Promise<void> {
    if (this.server !== undefined) return;
    const { clock } = this.world;
    const handle = (body: Buffer, { wantsAnswer }: { wantsAnswer: boolean }): Promise<Buffer> => {
      const text = String(body);
      this.executed.set(text, (this.executed.get(text) ?? 0) + 1);
      if (!wantsAnswer) return Promise.resolve(body);
      const answer = Buffer.from(`re:${text}`);
      return new Promise((resolve) => clock.schedule(() => resolve(answer), this.slowness));
    };
    const binding = new ServerBootstrap()
      .options({ logger: silentLogger, clock })
      .childOptions({ logger: silentLogger, clock })
      .childHandler(({ pipeline }) =>
        pipeline.addLast(...frames(), new ExchangeHandler({ format, handle, concurrency: 3 })),
      )
      .bind(this.world.place('calls'));
    await this.world.settle();
    this.server = await binding;
  }

  down(): void {
    this.cut(0, Number.POSITIVE_INFINITY);
    this.server?.channel.close();
    this.server = undefined;
  }

  cut(from: number, count: number): void {
    const open = [...(this.server?.connections ?? [])];
    for (const channel of open.slice(from % Math.max(1, open.length)).slice(0, count)) {
      channel.abort();
    }
  }

  /** The server reads nothing for a while, so that the network is full. */
  hold(ms: number): void {
    for (const channel of this.server?.connections ?? []) {
      const hold = channel.holdReads('the test');
      this.world.clock.schedule(() => hold.release(), ms);
    }
  }

  slow(ms: number): void {
    this.slowness = ms;
  }

  ask(size: number, timeoutMs: number | undefined, isNotice: boolean): void {
    const text = `${this.asked.length} `.padEnd(size, '.');
    const one: Asked = { text, isNotice, settled: 0, answer: undefined, error: undefined };
    this.asked.push(one);
    const abort = new AbortController();
    this.aborts.push(abort);
    const { signal } = abort;
    const options = timeoutMs === undefined ? { signal } : { signal, timeoutMs };
    const failed = (error: NonNullable<Asked['error']>): void => {
      one.settled += 1;
      one.error = error;
    };
    if (isNotice) {
      const write = this.client.notify(Buffer.from(text), options);
      write.onSettled((error) => {
        if (error === undefined) one.settled += 1;
        else failed(error as NonNullable<Asked['error']>);
      });
      return;
    }
    this.client.request(Buffer.from(text), options).then((answer) => {
      one.settled += 1;
      one.answer = String(answer);
    }, failed);
  }

  abort(which: number): void {
    this.aborts[which % Math.max(1, this.aborts.length)]?.abort();
  }

  async end(): Promise<void> {
    await this.up();
    this.slow(0);
    // Longer than any call may take, and than an absence lasts.
    await this.world.pass(TIMEOUT_MS + 2000);
    expect(this.client.waiting).toBe(0);
    expect(this.client.clients.map(({ state }) => state.name)).toEqual(
      this.client.clients.map(() => 'online'),
    );
    void this.client.close();
    this.down();
    await this.world.pass(4000);
  }

  /** What must be true of every history. */
  check(): void {
    let again = 0;
    for (const { text, isNotice, settled, answer, error } of this.asked) {
      const times = this.executed.get(text) ?? 0;
      const what = `${text} ${error?.code} sent ${error?.details?.sent}`;
      expect([what, settled]).toEqual([what, 1]);
      if (error === undefined && !isNotice)
        expect([answer, times > 0]).toEqual([`re:${text}`, true]);
      if (error?.details?.sent === false) expect([what, times]).toEqual([what, 0]);
      // An answer that is an error was sent for a request that was.
      if (error !== undefined && error.code !== 'HR_ERR_REQUEST_REFUSED')
        expect([what, typeof error.details?.sent]).toEqual([what, 'boolean']);
      if (this.retry !== 'idempotent') expect([what, Math.min(times, 1)]).toEqual([what, times]);
      again += Math.max(0, times - 1);
    }
    expect(again).toBeLessThanOrEqual(BURST);
    expect(this.world.clock.pendingTimers).toBe(0);
  }
}

const size = fc.oneof(fc.integer({ min: 4, max: 60 }), fc.integer({ min: 400, max: 1500 }));
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('ask' as const),
      size,
      timeoutMs: fc.option(fc.integer({ min: 1, max: TIMEOUT_MS }), { nil: undefined }),
      isNotice: fc.boolean(),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('cut' as const),
      from: fc.nat(2),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('down' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('up' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), ms: fc.nat(1500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('slow' as const), ms: fc.nat(500) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(30) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
const traits = fc.record({
  retry: fc.constantFrom<Retry>('unsent', 'idempotent', 'never'),
  connections: fc.constantFrom(1, 1, 3),
  capacityBytes: fc.constantFrom(20, 300, 65_536),
  maxInFlight: fc.constantFrom(2, 100),
});
/** Often nothing passes between two steps. */
const pause = fc.oneof(fc.constant(0), fc.nat(20), fc.nat(700));

const LATE_ANSWER: Traits = {
  retry: 'unsent',
  connections: 1,
  capacityBytes: 20,
  maxInFlight: 2,
};
const question = { do: 'ask', size: 4, timeoutMs: undefined, isNotice: false, count: 1 } as const;
const LATE_ANSWER_STEPS: [Step, number][] = [
  [question, 5],
  [{ ...question, timeoutMs: 2 }, 0],
  [{ ...question, timeoutMs: 1 }, 0],
  [{ ...question, size: 400 }, 1],
];

describe('RequestClient under random losses', () => {
  it('settles each call once, sent is right, and nothing is executed twice unless it may be', async () => {
    const scenario = fc.array(fc.tuple(step, pause), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(traits, scenario, fc.integer({ min: 0, max: 999 }), async (of, steps, n) => {
        const calls = new Calls(of, n / 1000);
        await calls.up();
        for (const [one, ms] of steps) {
          if (one.do === 'ask') {
            for (let i = 0; i < one.count; i++) calls.ask(one.size, one.timeoutMs, one.isNotice);
          } else if (one.do === 'cut') calls.cut(one.from, one.count);
          else if (one.do === 'up') await calls.up();
          else if (one.do === 'down') calls.down();
          else if (one.do === 'hold') calls.hold(one.ms);
          else if (one.do === 'slow') calls.slow(one.ms);
          else calls.abort(one.which);
          await calls.world.pass(ms);
        }
        await calls.end();
        calls.check();
      }),
      {
        numRuns: 300,
        // The answer says that the time is over, in the very moment in which it is.
        examples: [[LATE_ANSWER, LATE_ANSWER_STEPS, 17]],
      },
    );
  });
});
