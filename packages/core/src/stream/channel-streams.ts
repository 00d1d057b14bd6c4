import {
  ReadableStream,
  type ReadableStreamDefaultController,
  WritableStream,
  type WritableStreamDefaultController,
} from 'node:stream/web';
import type { Channel, Context, Direction, Handler, Pipeline } from '../contract.ts';
import { ChannelError } from '../errors.ts';
import { ReadGate } from '../hold/read-gate.ts';
import { whole } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';

/** A channel as Web Streams, see {@link channelStreams}. */
export interface ChannelStreams<R, W> {
  /** Stream of the messages that pass the last handler. Canceling it shuts our input down. */
  readonly readable: ReadableStream<R>;
  /** Stream of messages for the pipeline. Closing the stream shuts our output down. Aborting it closes the channel. */
  readonly writable: WritableStream<W>;
}

/** Options of {@link channelStreams}. */
export interface ChannelStreamsOptions {
  /** Number of messages that wait in each stream before back-pressure starts. @default 16 */
  readonly highWaterMark?: number;
}

const OPTIONS = describeOptions('channelStreams', {
  highWaterMark: whole({ min: 1, default: 16 }),
});

/**
 * Converts a channel to a pair of Web Streams whose chunks are its messages, for code that works with `fetch`, `TransformStream`
 * or other runtimes. Both streams apply back-pressure. While the readable is not read, the channel's reads are held for the
 * reason `streams`. A written chunk waits until the transport has taken it.
 *
 * When the channel closes, queued messages can still be read. Then the readable ends, or it fails with the error that closed the
 * channel. Without `allowHalfOpen`, the channel closes as soon as
 * the peer ends its half.
 *
 * Call this function while the pipeline is built, after the other handlers. Messages that passed earlier are lost.
 *
 * @throws OptionError if `highWaterMark` is not a whole number of at least 1
 *
 * @example
 * ```ts run
 * import { Bootstrap, channelStreams, ServerBootstrap } from '@headrace/core';
 *
 * const server = await new ServerBootstrap()
 *   .childOptions({ allowHalfOpen: true })
 *   .childHandler((channel) => {
 *     const { readable, writable } = channelStreams(channel);
 *     void readable.pipeTo(writable);
 *   })
 *   .bind({ port: 0, host: '127.0.0.1' });
 * const client = await new Bootstrap()
 *   .handler((channel) => channel.pipeline.addLast({
 *     channelRead(ctx, bytes: Buffer) {
 *       console.log(String(bytes));
 *       ctx.shutdown('output');
 *     },
 *   }))
 *   .connect({ port: server.port, host: '127.0.0.1' });
 * await client.writeAndFlush(Buffer.from('there and back'));
 * await client.closed;
 * await server.shutdown();
 * // prints there and back
 * ```
 * @see the WHATWG's Streams Standard
 */
export function channelStreams<R, W>(
  channel: Channel<R, W>,
  options: ChannelStreamsOptions = {},
): ChannelStreams<R, W> {
  const { highWaterMark } = OPTIONS.resolve(options);
  const end = new StreamsEnd<R, W>(channel, highWaterMark);
  // R and W are unknown here. The caller's channel was checked.
  if (channel.isOpen) (channel.pipeline as Pipeline).addLast('streams', end as Handler);
  else end.channelClosed();
  return end;
}

/** The last handler of a channel with streams. */
class StreamsEnd<R, W> implements Handler, ChannelStreams<R, W> {
  readonly readable: ReadableStream<R>;
  readonly writable: WritableStream<W>;
  private readonly channel: Channel<R, W>;
  private input!: ReadableStreamDefaultController<R>;
  private output!: WritableStreamDefaultController;
  private readonly gate = new ReadGate('streams');
  private isInputOver = false;
  private isOutputOver = false;
  /** The error for the reader after the queued messages. An error of the controller would drop them. */
  private failure: Error | undefined = undefined;
  private readonly highWaterMark: number;

  constructor(channel: Channel<R, W>, highWaterMark: number) {
    this.channel = channel;
    this.highWaterMark = highWaterMark;
    this.readable = new ReadableStream<R>(
      {
        start: (controller) => {
          this.input = controller;
        },
        pull: () => this.wanted(),
        cancel: () => this.cancelled(),
      },
      { highWaterMark },
    );
    this.writable = new WritableStream<W>(
      {
        start: (controller) => {
          this.output = controller;
        },
        write: async (message) => channel.writeAndFlush(message),
        close: async () => {
          this.isOutputOver = true;
          await channel.shutdown('output');
        },
        abort: async () => {
          this.isOutputOver = true;
          await channel.close('error');
        },
      },
      { highWaterMark },
    );
  }

  // --- from the pipeline ---

  channelRead(_ctx: Context, message: R): void {
    if (this.isInputOver) return;
    this.input.enqueue(message);
    if (this.input.desiredSize! <= 0) this.gate.hold(this.channel);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.endInput();
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    this.channelClosed();
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.channelClosed();
  }

  channelClosed(): void {
    const { closeInfo } = this.channel;
    this.gate.release();
    if (closeInfo?.error === undefined) this.endInput();
    else if (!this.isInputOver) {
      this.isInputOver = true;
      this.failure = closeInfo.error;
      this.failWhenRead();
    }
    if (this.isOutputOver) return;
    this.isOutputOver = true;
    this.output.error(closeInfo?.error ?? closedError(this.channel));
  }

  private endInput(): void {
    if (this.isInputOver) return;
    this.isInputOver = true;
    this.input.close();
  }

  private failWhenRead(): void {
    if (this.failure !== undefined && this.input.desiredSize === this.highWaterMark)
      this.input.error(this.failure);
  }

  // --- from the streams ---

  private wanted(): void {
    const { channel } = this;
    this.failWhenRead();
    this.gate.release();
    if (!channel.autoRead && channel.isActive) channel.read();
  }

  private async cancelled(): Promise<void> {
    this.isInputOver = true;
    this.gate.release();
    if (channelIsUp(this.channel)) await this.channel.shutdown('input');
  }
}

function channelIsUp({ isOpen, isInputShutdown }: Channel): boolean {
  return isOpen && !isInputShutdown;
}

function closedError({ closeInfo }: Channel): ChannelError {
  const text = `the channel is closed (${closeInfo?.reason ?? 'its streams were removed'})`;
  return new ChannelError('CHANNEL_CLOSED', text);
}
