import type { Context, Handler } from '../contract.ts';
import { EmbeddedChannel } from './embedded-channel.ts';
import type { TestRunner } from './test-runner.ts';

/** A handler that holds writes back, to be put to the test by {@link describeHeldWrites}. */
export interface HeldWritesBench {
  /** The name in the titles of the tests. */
  readonly name: string;
  /** Makes a new handler. */
  readonly handler: () => Handler;
  /** Brings a new channel to where the handler holds what is written. @default it does from the beginning */
  readonly begin?: (channel: EmbeddedChannel) => void | Promise<void>;
  /** Makes the handler write what it holds; called once. */
  readonly release: (channel: EmbeddedChannel) => void | Promise<void>;
  /** Messages that the tests write: at least 10,000 bytes each, and all different. */
  readonly messages: readonly [unknown, unknown, unknown];
  /** False for a handler with watermarks of its own in place of the channel's. @default true */
  readonly counts?: boolean;
}

/** Stands before the handler, nearer to the head: an encoder that may fail. */
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
  /** Failures that the hook `writeFailed` got. */
  readonly failures: string[];
}

type Test = readonly [name: string, body: (stage: Stage, runner: TestRunner) => Promise<void>];

/**
 * The contract of a handler that holds writes back, as tests. Held writes count towards
 * writability, go out in order and settle their futures in every case. An unobserved failure
 * reaches the hook `writeFailed`. Run it for a handler of your own; with a `PendingWriteQueue` it
 * passes.
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
