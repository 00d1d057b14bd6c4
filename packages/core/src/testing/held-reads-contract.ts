import type { Channel, Context, Direction, Handler, ReadHold } from '../contract.ts';
import { DrainEvent } from '../drain/drain-event.ts';
import { TlsUpgradeEvent } from '../pipeline/tls-upgrade-event.ts';
import { EmbeddedChannel } from './embedded-channel.ts';
import type { TestRunner } from './test-runner.ts';

/** A handler, or several consecutive handlers, for the tests of {@link describeHeldReads}. */
export interface HeldReadsBench {
  /** Name in the titles of the tests. */
  readonly name: string;
  /** Creates new handlers, in their order from head to tail. */
  readonly handlers: () => readonly Handler[];
  /** Input that arrives in one burst. It must result in at least four messages. */
  readonly input: readonly unknown[];
  /** Messages that the handlers pass on, in order. The tests compare them as texts. */
  readonly output: readonly unknown[];
  /** Lets time pass until the handlers have passed on all messages that they can. @default nothing */
  readonly settle?: (channel: EmbeddedChannel) => void | Promise<void>;
}

/** The handler after the handlers under test. It records the events, and can act on a message. */
class Application implements Handler {
  readonly seen: string[] = [];
  act: (ctx: Context, index: number) => void = () => {};

  channelRead(ctx: Context, message: unknown): void {
    this.seen.push(String(message));
    this.unfinished += 1;
    this.act(ctx, this.seen.length);
  }

  /** Number of messages since the last end of a burst. */
  unfinished = 0;

  channelReadComplete(): void {
    this.unfinished = 0;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event === MARK) this.seen.push('event');
    else ctx.fireUserEventTriggered(event);
  }

  channelShutdown(_ctx: Context, direction: Direction): void {
    if (direction === 'input') this.seen.push('shutdown');
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.seen.push(error.message);
  }

  channelInactive(): void {
    this.seen.push('inactive');
  }
}

/** A user event between two reads. */
const MARK = Symbol('mark');
/** The cost of a message, and the budget of a connection for one turn, in the test that counts turns. */
const MESSAGE_MS = 2;
const BUDGET_MS = 2;

interface Stage {
  readonly channel: EmbeddedChannel;
  readonly app: Application;
  readonly handlers: readonly Handler[];
  readonly output: readonly string[];
  readonly settle: () => Promise<void>;
  /** Sends all input. Holds reads from the second message on, until the returned function is called. */
  readonly sendHeld: () => Promise<() => Promise<void>>;
}

type Test = readonly [name: string, body: (stage: Stage, runner: TestRunner) => Promise<void>];

/**
 * Adds tests of the rules about held reads that every handler must keep if messages pass through it:
 *
 * - The handler never changes `autoRead`, and releases its own holds.
 * - While reads are held, the handler does not lose or reorder messages. User events and a half-closure keep their places.
 * - The handler delivers kept messages before an error and before the peer's end, over several turns of the event loop.
 * - The handler delivers nothing after this side has ended the channel.
 * - A drain waits until the handler keeps nothing. The handler reports kept input to an upgrade to TLS.
 *
 * A handler that uses `KeptInput` keeps these rules. Run the tests for a handler of your own.
 *
 * @example
 * ```ts
 * describeHeldReads({ describe, it, expect }, {
 *   name: 'LineFrameDecoder',
 *   handlers: () => [new LineFrameDecoder()],
 *   input: [Buffer.from('a\nb\nc\nd\n')],
 *   output: ['a', 'b', 'c', 'd'],
 * });
 * ```
 */
export function describeHeldReads(runner: TestRunner, bench: HeldReadsBench): void {
  const { describe, it } = runner;
  describe(`the contract of held reads: ${bench.name}`, () => {
    for (const [name, body] of testsOf(bench)) {
      it(name, async () => {
        const app = new Application();
        const handlers = bench.handlers();
        const channel = EmbeddedChannel.with(
          { allowHalfOpen: name.includes('half-closure'), readBudgetMs: BUDGET_MS },
          ...(handlers as readonly never[]),
          app as never,
        ) as EmbeddedChannel;
        const settle = async () => {
          await bench.settle?.(channel);
          channel.run(() => {});
        };
        const sendHeld = async () => {
          const holds: ReadHold[] = [];
          app.act = (ctx, index) => {
            if (index === 2) holds.push(ctx.channel.holdReads('contract'));
          };
          channel.writeInbound(...bench.input);
          await settle();
          return async () => {
            for (const hold of holds) channel.run(() => hold.release());
            await settle();
          };
        };
        const output = bench.output.map(String);
        await body({ channel, app, handlers, output, settle, sendHeld }, runner);
        channel.finish();
      });
    }

    it('holds nothing back while reads are not held', async () => {
      const app = new Application();
      const channel = new EmbeddedChannel(...bench.handlers(), app);
      channel.writeInbound(...bench.input);
      await bench.settle?.(channel);
      runner.expect(app.seen).toEqual(bench.output.map(String));
      channel.finish();
    });
  });
}

/** Returns the tests, each of which runs with a new pipeline. */
function testsOf(bench: HeldReadsBench): readonly Test[] {
  return [
    [
      'leaves autoRead to the application, which turns it off in the middle',
      async ({ channel, app, settle }, { expect }) => {
        app.act = (ctx, index) => {
          if (index === 2) ctx.channel.autoRead = false;
        };
        channel.writeInbound(...bench.input);
        await settle();
        expect(channel.autoRead).toBe(false);
        const other = new EmbeddedChannel(...bench.handlers(), new Application());
        other.writeInbound(...bench.input);
        await bench.settle?.(other);
        expect(other.autoRead).toBe(true);
        other.finish();
      },
    ],
    [
      'loses and reorders nothing when reads are held at each message',
      async ({ channel, app, output, settle }, { expect }) => {
        const holds: ReadHold[] = [];
        app.act = (ctx) => holds.push(ctx.channel.holdReads('contract'));
        channel.writeInbound(...bench.input);
        await settle();
        for (let turn = 0; turn < output.length; turn++) {
          for (const hold of holds.splice(0)) channel.run(() => hold.release());
          await settle();
        }
        expect(app.seen).toEqual(output);
        expect(channel.isReadHeld).toBe(false);
      },
    ],
    [
      'releases its own holds when it is removed',
      async ({ channel, app, handlers, settle }, { expect }) => {
        let hold: ReadHold | undefined;
        app.act = (ctx, index) => {
          if (index === 2) hold = ctx.channel.holdReads('contract');
        };
        channel.writeInbound(...bench.input);
        await settle();
        channel.run(() => {
          for (const handler of [...handlers].reverse()) channel.pipeline.removeIfExists(handler);
        });
        await settle();
        expect(channel.readHolds.filter((why) => why !== 'contract')).toEqual([]);
        channel.run(() => hold?.release());
        expect(channel.isReadHeld).toBe(false);
      },
    ],
    [
      'delivers what was read before the end of the peer, even while reads are held',
      async ({ channel, app, output, settle }, { expect }) => {
        app.act = (ctx, index) => {
          if (index === 2) ctx.channel.holdReads('contract');
        };
        channel.writeInbound(...bench.input);
        await settle();
        expect(app.seen.length).toBeGreaterThan(1);
        channel.endInput();
        await settle();
        expect(app.seen).toEqual([...output, 'inactive']);
      },
    ],
    [
      'delivers what was read before an error, even while reads are held',
      async ({ channel, app, output, settle, sendHeld }, { expect }) => {
        await sendHeld();
        channel.run(() => channel.pipeline.fireExceptionCaught(new Error('error')));
        await settle();
        expect(app.seen).toEqual([...output, 'error']);
      },
    ],
    [
      'keeps the place of a user event and of an end of the burst',
      async ({ channel, app, output, settle, sendHeld }, { expect }) => {
        const release = await sendHeld();
        channel.run(() => channel.pipeline.fireUserEventTriggered(MARK));
        await settle();
        expect(app.seen).toEqual(output.slice(0, 2));
        await release();
        expect(app.seen).toEqual([...output, 'event']);
        expect(app.unfinished).toBe(0);
      },
    ],
    [
      'keeps the place of a half-closure, after which messages still wait while reads are held',
      async ({ channel, app, output, settle, sendHeld }, { expect }) => {
        const release = await sendHeld();
        channel.endInput();
        await settle();
        expect(app.seen).toEqual(output.slice(0, 2));
        await release();
        expect(app.seen).toEqual([...output, 'shutdown']);
      },
    ],
    [
      'delivers by turns of the event loop what it keeps when the peer has gone, and the end after it',
      async ({ channel, app, output, settle, sendHeld }, { expect }) => {
        await sendHeld();
        app.act = () => channel.clock.advanceQuietly(MESSAGE_MS);
        let turns = 0;
        const onNextTurn = channel.onNextTurn.bind(channel);
        channel.onNextTurn = (listener) => {
          turns += 1;
          onNextTurn(listener);
        };
        channel.run(() => channel.embedded.sink.disconnected());
        await settle();
        expect(app.seen).toEqual([...output, 'inactive']);
        expect(turns).toBeGreaterThan(0);
      },
    ],
    [
      'has a drain wait until it keeps nothing',
      async ({ channel, app, output, sendHeld }, { expect }) => {
        const release = await sendHeld();
        const event = new DrainEvent(60_000);
        channel.run(() => channel.pipeline.fireUserEventTriggered(event));
        expect(event.holds.length).toBeGreaterThan(0);
        expect(channel.isEnding).toBe(false);
        await release();
        expect(app.seen.slice(0, output.length)).toEqual(output);
        expect(event.holds).toEqual([]);
      },
    ],
    [
      'has each of two drains wait until it keeps nothing, and no longer if it is given up',
      async ({ channel, sendHeld }, { expect }) => {
        const release = await sendHeld();
        const given = new DrainEvent(60_000, () => {});
        const [first, second] = [new DrainEvent(60_000), new DrainEvent(60_000, () => {})];
        for (const event of [given, first, second])
          channel.run(() => channel.pipeline.fireUserEventTriggered(event));
        channel.run(() => given.giveUp());
        expect(given.holds).toEqual([]);
        expect([first.holds.length > 0, second.holds.length > 0]).toEqual([true, true]);
        expect(channel.isEnding).toBe(false);
        await release();
        expect([first.holds, second.holds]).toEqual([[], []]);
      },
    ],
    [
      'reports to an upgrade to TLS that it keeps input',
      async ({ channel, sendHeld }, { expect }) => {
        const held = (): number => {
          const event = new TlsUpgradeEvent();
          channel.run(() => channel.pipeline.fireUserEventTriggered(event));
          return event.heldBytes;
        };
        const release = await sendHeld();
        expect(held()).toBeGreaterThan(0);
        await release();
        expect(held()).toBe(0);
      },
    ],
    [
      'passes nothing more on once this side has ended the channel',
      async ({ channel, app, output, settle }, { expect }) => {
        for (const end of [endPolitely, closeNow]) {
          const next = new Application();
          const one =
            end === endPolitely ? channel : new EmbeddedChannel(...bench.handlers(), next);
          const seen = one === channel ? app : next;
          seen.act = (ctx, index) => {
            if (index === 2) end(ctx.channel);
          };
          one.writeInbound(...bench.input);
          if (one === channel) await settle();
          else await bench.settle?.(one);
          const messages = seen.seen.filter((text) => text !== 'inactive');
          expect(messages).toEqual(output.slice(0, 2));
          if (one !== channel && one.isOpen) one.finish();
        }
      },
    ],
  ];
}

function endPolitely(channel: Channel): void {
  channel.end();
}

function closeNow(channel: Channel): void {
  channel.close();
}
