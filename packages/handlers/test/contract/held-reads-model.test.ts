// Random sequences of holds, releases, ends and changes on a channel with many handlers that hold reads.
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import {
  ChannelGroup,
  type Context,
  type Handler,
  type ReadHold,
  sequential,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  AuthHandler,
  type AuthVerdict,
  BroadcastHandler,
  FlowControlHandler,
  MessageRateHandler,
  RequestHandler,
  TrafficShapingHandler,
} from '../../src/index.ts';

type Kind = 'auth' | 'flow' | 'rate' | 'sequential' | 'broadcast' | 'shaping';
type Step =
  | { do: 'send'; lines: number; cut: number }
  | { do: 'advance'; ms: number }
  | { do: 'auto-read'; on: boolean }
  | { do: 'release' | 'remove'; at: number }
  | { do: 'hold' | 'read' | 'sign-in' | 'answer' | 'serve' | 'shutdown' };
/** What the application does with every n-th message. */
interface Habits {
  readonly holds: number;
  readonly answersLater: number;
  readonly worksLater: number;
  readonly endsAt: number;
}
type End = 'none' | 'peer' | 'end' | 'close' | 'shutdown';

/** A channel, its peer, and everything that is under way between them. */
class World {
  readonly sent: string[] = [];
  readonly seen: string[] = [];
  readonly afterEnd: string[] = [];
  readonly removable: Handler[] = [];
  readonly channel: EmbeddedChannel;
  private readonly holds: ReadHold[] = [];
  private readonly kernel: Buffer[] = [];
  private readonly answers: ((answer: undefined) => void)[] = [];
  private readonly works: (() => void)[] = [];
  private signIn: ((verdict: AuthVerdict<string, string>) => void) | undefined;
  inputEnds = 0;
  private readonly habits: Habits;
  private readonly how: End;
  private hasEnded = false;

  constructor(kinds: readonly Kind[], habits: Habits, how: End) {
    this.habits = habits;
    this.how = how;
    const handlers = kinds.map((kind) => this.make(kind));
    const app = new RequestHandler<string, never>({
      maxPending: 3,
      concurrency: 2,
      handle: (text) => this.answer(text),
    });
    const seer: Handler = {
      channelRead: (ctx: Context, text) => {
        (this.hasEnded ? this.afterEnd : this.seen).push(text as string);
        ctx.fireChannelRead(text);
      },
    };
    const last: Handler = {
      channelShutdown: (ctx: Context, direction) => {
        if (direction === 'input') this.inputEnds += 1;
        ctx.fireChannelShutdown(direction);
      },
    };
    const decoder = new LineFrameDecoder({ frameTimeoutMs: false });
    const all = [decoder, new StringCodec(), ...handlers, seer, app, last] as readonly Handler[];
    this.channel = EmbeddedChannel.with(
      { allowHalfOpen: true, register: false },
      ...(all as readonly never[]),
    ) as EmbeddedChannel;
    this.channel.register();
    if (kinds.includes('auth')) this.kernel.push(Buffer.from('AUTH\n'));
  }

  private make(kind: Kind): Handler {
    const handler = this.makeOne(kind) as Handler;
    if (kind !== 'auth' && kind !== 'sequential') this.removable.push(handler);
    return handler;
  }

  private makeOne(kind: Kind): unknown {
    if (kind === 'flow') return new FlowControlHandler();
    if (kind === 'rate') return new MessageRateHandler({ perSecond: 10, burst: 2 });
    if (kind === 'shaping')
      return new TrafficShapingHandler({ readBytesPerSecond: 1000, sizeOf: () => 100 });
    if (kind === 'broadcast')
      return new BroadcastHandler(new ChannelGroup('room'), { passOn: true });
    if (kind === 'sequential') {
      return sequential({
        channelRead: (ctx: Context, message: unknown) => {
          const { worksLater } = this.habits;
          if (worksLater === 0 || (Number(message) + 1) % worksLater !== 0) {
            return void ctx.fireChannelRead(message);
          }
          return new Promise<void>((resolve) => this.works.push(resolve)).then(() => {
            if (!ctx.channel.discardsInput) ctx.fireChannelRead(message);
          });
        },
      });
    }
    return new AuthHandler({
      timeoutMs: false,
      isCredentials: (message) => message === 'AUTH',
      authenticate: () =>
        new Promise<AuthVerdict<string, string>>((resolve) => {
          this.signIn = resolve;
        }),
    });
  }

  private answer(text: string): undefined | Promise<undefined> {
    const { holds, answersLater, endsAt } = this.habits;
    const count = Number(text) + 1;
    if (holds > 0 && count % holds === 0) this.holds.push(this.channel.holdReads('application'));
    if (count === endsAt) this.endOurselves();
    if (answersLater === 0 || count % answersLater !== 0) return undefined;
    return new Promise<undefined>((resolve) => this.answers.push(resolve));
  }

  private endOurselves(): void {
    const { channel, how } = this;
    if (how === 'none' || how === 'peer' || this.hasEnded) return;
    this.hasEnded = true;
    if (how === 'end') channel.end({ lingerMs: 100 });
    else if (how === 'close') channel.close();
    else channel.shutdown('input');
  }

  async play(step: Step): Promise<void> {
    const { channel } = this;
    if (step.do === 'send') this.send(step.lines, step.cut);
    else if (step.do === 'advance') channel.advance(step.ms);
    else if (step.do === 'auto-read') channel.autoRead = step.on;
    else if (step.do === 'hold') this.holds.push(channel.holdReads('test'));
    else if (step.do === 'release') {
      const [hold] = this.holds.splice(step.at % Math.max(1, this.holds.length), 1);
      channel.run(() => hold?.release());
    } else if (step.do === 'remove') {
      const [handler] = this.removable.splice(step.at % Math.max(1, this.removable.length), 1);
      if (handler !== undefined) channel.run(() => channel.pipeline.removeIfExists(handler));
    } else if (step.do === 'read') channel.read();
    else if (step.do === 'sign-in') this.signIn?.({ principal: 'ann' });
    else if (step.do === 'answer') this.answers.shift()?.(undefined);
    else if (step.do === 'serve') this.works.shift()?.();
    else this.endOurselves();
    await this.settle();
  }

  private send(lines: number, cut: number): void {
    let text = '';
    for (let i = 0; i < lines; i++) {
      text += `${this.sent.length}\n`;
      this.sent.push(String(this.sent.length));
    }
    const bytes = Buffer.from(text);
    const at = cut % (bytes.length + 1);
    if (at > 0) this.kernel.push(bytes.subarray(0, at));
    if (at < bytes.length) this.kernel.push(bytes.subarray(at));
  }

  private async settle(): Promise<void> {
    for (let round = 0; round < 8; round++) await Promise.resolve();
    const { channel, kernel } = this;
    channel.runPendingTasks();
    while (kernel.length > 0 && channel.isOpen && channel.embedded.isReading) {
      channel.embedded.isReading = false;
      channel.writeInbound(kernel.shift());
      for (let round = 0; round < 8; round++) await Promise.resolve();
    }
  }

  /** Lets everything go on that waits for the application. */
  async resume(): Promise<void> {
    const { channel } = this;
    channel.autoRead = true;
    this.habitsEnd();
    let before = -1;
    for (let idle = 0; idle < 8; ) {
      this.signIn?.({ principal: 'ann' });
      const served = this.works.length + this.answers.length;
      for (const answer of this.answers.splice(0)) answer(undefined);
      for (const serve of this.works.splice(0)) serve();
      for (const hold of this.holds.splice(0)) channel.run(() => hold.release());
      await this.settle();
      channel.advance(2000);
      await this.settle();
      idle = served === 0 && before === this.seen.length + this.kernel.length ? idle + 1 : 0;
      before = this.seen.length + this.kernel.length;
    }
  }

  private habitsEnd(): void {
    Object.assign(this.habits, { holds: 0 });
  }

  async peerEnds(): Promise<void> {
    this.channel.run(() => this.channel.embedded.sink.inputEnded());
    await this.settle();
  }

  get unread(): number {
    return this.kernel.length;
  }
}

const kinds = fc.uniqueArray(
  fc.constantFrom<Kind>('auth', 'flow', 'rate', 'sequential', 'broadcast', 'shaping'),
  { maxLength: 4 },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      lines: fc.integer({ min: 1, max: 8 }),
      cut: fc.nat(30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 50, 100, 1000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('auto-read' as const), on: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('release' as const, 'release' as const, 'remove' as const),
      at: fc.nat(5),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.constantFrom<Step>(
      { do: 'hold' },
      { do: 'read' },
      { do: 'sign-in' },
      { do: 'answer' },
      { do: 'serve' },
    ),
  },
);
const habits = fc.record({
  holds: fc.nat(4),
  answersLater: fc.nat(3),
  worksLater: fc.nat(3),
  endsAt: fc.constant(0),
});
const RUNS = { numRuns: Number(process.env['MODEL_RUNS'] ?? 150) };

it('every byte arrives once, in order, and reads go on when all holds are gone', async () => {
  await fc.assert(
    fc.asyncProperty(
      kinds,
      habits,
      fc.array(step, { maxLength: 30 }),
      fc.nat(30),
      async (which, how, steps, endAt) => {
        const world = new World(which, { ...how }, 'peer');
        let hasEnded = false;
        for (const [at, one] of steps.entries()) {
          if (hasEnded && one.do === 'send') continue;
          await world.play(one);
          if (at === endAt && world.unread === 0) {
            hasEnded = true;
            await world.peerEnds();
          }
        }
        await world.resume();
        expect(world.seen).toEqual(world.sent);
        expect(world.channel.readHolds).toEqual([]);
        if (!hasEnded) expect(world.channel.embedded.isReading).toBe(true);
        if (!hasEnded) await world.peerEnds();
        await world.resume();
        expect(world.inputEnds).toBe(1);
        expect(world.seen).toEqual(world.sent);
        world.channel.finish();
      },
    ),
    RUNS,
  );
}, 60_000);

it('nothing is delivered after our own end, and what came before it was in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      kinds,
      habits,
      fc.array(step, { maxLength: 20 }),
      fc.constantFrom<End>('end', 'close', 'shutdown'),
      fc.nat(20),
      fc.nat(8),
      async (which, how, steps, end, at, endsAt) => {
        const world = new World(which, { ...how, endsAt }, end);
        for (const [index, one] of steps.entries()) {
          if (!world.channel.isOpen) break;
          if (index === at) await world.play({ do: 'shutdown' });
          if (!world.channel.isOpen) break;
          await world.play(one);
        }
        if (world.channel.isOpen) {
          await world.play({ do: 'shutdown' });
          await world.peerEnds();
          await world.resume();
        }
        expect(world.seen).toEqual(world.sent.slice(0, world.seen.length));
        expect(world.afterEnd).toEqual([]);
        if (world.channel.isOpen) world.channel.finish();
      },
    ),
    RUNS,
  );
}, 60_000);
