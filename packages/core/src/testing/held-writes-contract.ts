import type { Context, Handler } from '../contract.ts';
import { EmbeddedChannel } from './embedded-channel.ts';
import type { TestRunner } from './test-runner.ts';

/** A handler that holds writes, for the tests of {@link describeHeldWrites}. */
export interface HeldWritesBench {
  /** Name in the titles of the tests. */
  readonly name: string;
  readonly handler: () => Handler;
  /** Brings a new channel into the state in which the handler holds writes. @default nothing */
  readonly begin?: (channel: EmbeddedChannel) => void | Promise<void>;
  /** Makes the handler write the messages that it holds. Each test calls this function once. */
  readonly release: (channel: EmbeddedChannel) => void | Promise<void>;
  /** Messages that the tests write. Each message has at least 10,000 bytes, and all messages differ. */
  readonly messages: readonly [unknown, unknown, unknown];
  /**
   * Whether the held bytes count toward the channel's watermarks. Set it to false for a handler with its own watermarks.
   * @default true
   */
  readonly counts?: boolean;
}

/** An encoder that can fail. Its place is before the handler, nearer to the head. */
class Encoder implements Handler {
  failsFor: unknown;
  readonly written: unknown[] = [];

  write(ctx: Context, message: unknown) {
    if (message === this.failsFor) throw new Error('cannot encode');
    this.written.push(message);
    return ctx.write(message);
  }
}

interface Stage {
  readonly channel: EmbeddedChannel;
  readonly handler: Handler;
  readonly encoder: Encoder;
  /** Error messages that the hook `writeFailed` received. */
  readonly failures: string[];
}

type Test = readonly [name: string, body: (stage: Stage, runner: TestRunner) => Promise<void>];

/**
 * Adds tests of the contract of a handler that holds writes. Held writes count toward writability, are written in order, and
 * settle their futures in every case. The hook `writeFailed` receives failures that nobody observes. Run the tests for a
 * handler of your own. A handler that uses a `PendingWriteQueue` passes them.
 *
 * @example
 * ```ts
 * describeHeldWrites({ describe, it, expect }, {
 *   name: 'HoldUntilReady',
 *   handler: () => new HoldUntilReady(),
 *   release: (channel) => void channel.writeInbound('READY'),
 *   messages: [Buffer.alloc(10_000, 1), Buffer.alloc(10_000, 2), Buffer.alloc(10_000, 3)],
 * });
 * ```
 */
export function describeHeldWrites(runner: TestRunner, bench: HeldWritesBench): void {
  const { describe, it } = runner;
  describe(`the contract of held writes: ${bench.name}`, () => {
    for (const [name, body] of testsOf(bench)) {
      it(name, async () => {
        const failures: string[] = [];
        const hooks = {
          writeFailed: (_: unknown, error: Error) => void failures.push(error.message),
        };
        const encoder = new Encoder();
        const handler = bench.handler();
        const options = { hooks, writeBufferHighBytes: 20_000, writeBufferLowBytes: 10_000 };
        const channel = EmbeddedChannel.with(options, encoder, handler);
        await bench.begin?.(channel);
        encoder.written.length = 0;
        await body({ channel, handler, encoder, failures }, runner);
        if (channel.isOpen) channel.finish();
      });
    }
  });
}

function testsOf({ messages, release, counts = true }: HeldWritesBench): readonly Test[] {
  return [
    [
      'counts what it holds towards writability, until it is written',
      async ({ channel }, { expect }) => {
        const before = channel.pendingOutboundBytes;
        channel.run(() => {
          for (const message of messages) channel.write(message);
          channel.flush();
        });
        if (counts) expect(channel.pendingOutboundBytes).toBeGreaterThan(before + 29_999);
        if (counts) expect(channel.isWritable).toBe(false);
        await release(channel);
        channel.run(() => channel.flush());
        expect(channel.pendingOutboundBytes).toBe(0);
        expect(channel.isWritable).toBe(true);
      },
    ],
    [
      'writes what it holds in order, and settles each future with its write',
      async ({ channel, encoder }, { expect }) => {
        const order: number[] = [];
        channel.run(() => {
          for (const [index, message] of messages.entries()) {
            channel.write(message).onSettled((error) => {
              if (error === undefined) order.push(index);
            });
          }
          channel.flush();
        });
        expect(encoder.written).toEqual([]);
        expect(order).toEqual([]);
        await release(channel);
        channel.run(() => channel.flush());
        expect(encoder.written.length).toBe(3);
        expect(encoder.written.every((message, index) => message === messages[index])).toBe(true);
        expect(order).toEqual([0, 1, 2]);
      },
    ],
    [
      'reports a later write that fails, and goes on with the others',
      async ({ channel, encoder, failures }, { expect }) => {
        encoder.failsFor = messages[1];
        channel.run(() => {
          for (const message of messages) channel.write(message);
          channel.flush();
        });
        await release(channel);
        channel.run(() => channel.flush());
        expect(failures).toEqual(['cannot encode']);
        expect(encoder.written.length).toBe(2);
      },
    ],
    [
      'reports a later write that fails to its listener, and not to the hook',
      async ({ channel, encoder, failures }, { expect }) => {
        const seen: unknown[] = [];
        encoder.failsFor = messages[0];
        channel.run(() => {
          channel.write(messages[0]).onSettled((error) => seen.push(error?.message));
          channel.flush();
        });
        await release(channel);
        channel.run(() => channel.flush());
        expect(seen).toEqual(['cannot encode']);
        expect(failures).toEqual([]);
      },
    ],
    [
      'fails what it holds when the channel closes, and counts it no more',
      async ({ channel, failures }, { expect }) => {
        const seen: boolean[] = [];
        channel.run(() => {
          channel.write(messages[0]).onSettled((error) => seen.push(error !== undefined));
          channel.write(messages[1]);
          channel.flush();
        });
        channel.close();
        expect(seen).toEqual([true]);
        expect(failures.length).toBe(1);
        expect(channel.pendingOutboundBytes).toBe(0);
      },
    ],
    [
      'leaves no future unsettled when it is removed',
      async ({ channel, handler }, { expect }) => {
        let settled = 0;
        channel.run(() => {
          for (const message of messages) {
            channel.write(message).onSettled(() => {
              settled += 1;
            });
          }
          channel.flush();
          channel.pipeline.removeIfExists(handler);
          channel.flush();
        });
        expect(settled).toBe(3);
        expect(channel.pendingOutboundBytes).toBe(0);
      },
    ],
  ];
}
