import type { Context, Handler, Types, WriteFuture } from '@headrace/core';
import { describeOptions, object, sizeOfBytes } from '@headrace/core/authoring';
import { CHANNEL_METRICS, type ChannelCounts, type ChannelMetrics } from './channel-metrics.ts';
import type { ServerMetrics } from './server-metrics.ts';

/** Options of a {@link MetricsHandler}. */
export interface MetricsOptions {
  /** The object that contains the sums of all channels. */
  readonly metrics: ServerMetrics;
}

const OPTIONS = describeOptions('MetricsHandler', {
  metrics: object('a ServerMetrics', { required: true }),
});

/**
 * Counts connections and their close reasons, messages, bytes, errors and failed writes, for its channel and, in a
 * {@link ServerMetrics}, for all channels together.
 *
 * ```text
 *  wire | [metrics] | frame | codec | app     bytes, and reads of the transport
 *  wire | frame | codec | [metrics] | app     messages, no bytes
 * ```
 *
 * - **Place** First for bytes, after the codec for messages. If you use two handlers, pass a different `ServerMetrics` to each.
 * - **In** Anything.
 * - **Out** The same.
 * - **Events** Forwards all.
 * - **Errors** Counts them. Raises none.
 * - **State** One channel. The attribute `CHANNEL_METRICS` contains its numbers, even after the close.
 * - **Cost** A few additions per message.
 * - **Pitfalls** Connections that are refused before their pipeline is built are counted by the handler that refuses them. See
 *   `ServerMetrics.include`.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { CHANNEL_METRICS, MetricsHandler, ServerMetrics } from '@headrace/handlers';
 *
 * const metrics = new ServerMetrics();
 * const channel = new EmbeddedChannel(new MetricsHandler({ metrics }));
 * channel.writeInbound(Buffer.from('hello'));
 * console.log(metrics.open, channel.attributes.get(CHANNEL_METRICS)?.bytesRead);
 * // prints 1 5
 * ```
 */
export class MetricsHandler implements Handler {
  declare readonly types: Types;
  private readonly metrics: ServerMetrics;
  private counts!: ChannelCounts;
  private watched: { readonly future: WriteFuture; writes: number } | undefined = undefined;

  constructor(options: MetricsOptions) {
    this.metrics = OPTIONS.resolve(options).metrics;
  }

  handlerAdded(ctx: Context): void {
    this.counts = {
      openedAt: ctx.clock.now(),
      bytesRead: 0,
      bytesWritten: 0,
      messagesRead: 0,
      messagesWritten: 0,
      writesFailed: 0,
      errors: 0,
      timesUnwritable: 0,
    };
    // Another MetricsHandler may have set the attribute already. The first handler in the pipeline sees the
    // wire.
    if (!ctx.channel.attributes.has(CHANNEL_METRICS)) {
      ctx.channel.attributes.set(CHANNEL_METRICS, this.counts);
    }
    if (ctx.isActive) this.metrics.track(ctx.channel);
  }

  get channelMetrics(): ChannelMetrics {
    return this.counts;
  }

  channelActive(ctx: Context): void {
    this.metrics.track(ctx.channel);
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, message: unknown): void {
    this.count('messagesRead', 1);
    const size = sizeOfBytes(message);
    if (size > 0) this.count('bytesRead', size);
    ctx.fireChannelRead(message);
  }

  channelWritabilityChanged(ctx: Context): void {
    if (!ctx.channel.isWritable) this.count('timesUnwritable', 1);
    ctx.fireChannelWritabilityChanged();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.count('errors', 1);
    this.metrics.countError(error);
    ctx.fireExceptionCaught(error);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    this.count('messagesWritten', 1);
    const size = sizeOfBytes(message);
    if (size > 0) this.count('bytesWritten', size);
    const future = ctx.write(message);
    this.watch(future);
    return future;
  }

  /** Adds one listener for all writes of one flush, because they share a future. */
  private watch(future: WriteFuture): void {
    if (this.watched?.future === future) {
      this.watched.writes += 1;
      return;
    }
    const watched = { future, writes: 1 };
    this.watched = watched;
    future.peekSettled((error) => {
      if (this.watched === watched) this.watched = undefined;
      if (error !== undefined) this.count('writesFailed', watched.writes);
    });
  }

  private count(key: Exclude<keyof ChannelCounts, 'openedAt'>, amount: number): void {
    this.counts[key] += amount;
    this.metrics.add(key, amount);
  }
}
