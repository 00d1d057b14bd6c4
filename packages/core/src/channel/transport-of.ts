import type { Channel, MessageLimits } from '../contract.ts';
import type { MessageHold, Transport, TransportSink } from '../transport/transport.ts';
import { ChannelCore } from './channel-core.ts';
import { coreOf } from './transport-channel.ts';

/** A channel, and the limit of its output. */
export interface ChannelOfSink {
  readonly channel: Channel;
  /** Maximum size of the waiting output, in bytes. */
  readonly maxOutboundBytes: number;
}

/** Returns the transport of a channel; `undefined` for a channel of another kind. */
export function transportOf(channel: Channel | undefined): Transport | undefined {
  return channel && coreOf(channel)?.transport;
}

/**
 * Returns the smallest limits of a channel's transport and handlers, for a protocol that keeps messages and sends them again. A
 * message that is too long for the channel would end one channel after another.
 */
export function messageLimitsOf(channel: Channel): Required<MessageLimits> {
  let inbound = Number.POSITIVE_INFINITY;
  let outbound = inbound;
  const parts = [transportOf(channel), ...[...channel.pipeline].map(([, handler]) => handler)];
  for (const part of parts) {
    inbound = Math.min(inbound, part?.messageLimits?.inbound ?? inbound);
    outbound = Math.min(outbound, part?.messageLimits?.outbound ?? outbound);
  }
  return { inbound, outbound };
}

/**
 * Holds the message that is being read until its work is done. Call the function within `channelRead` of a handler
 * that continues its work after `channelRead`. If this process is killed, another process then does the work. The
 * result is `undefined` if no other process can do the work. For a lasting channel with a log, another process can.
 * Release the hold together with the write of the answer.
 *
 * @example
 * ```ts run
 * import type { Context, Handler } from '@headrace/core';
 * import { holdMessage } from '@headrace/core/authoring';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * class AnswerLater implements Handler {
 *   async channelRead(ctx: Context, question: string): Promise<void> {
 *     const hold = holdMessage(ctx.channel);
 *     const answer = await Promise.resolve(`answer to ${question}`);
 *     ctx.writeAndFlush(answer);
 *     hold?.release();
 *   }
 * }
 *
 * const channel = new EmbeddedChannel(new AnswerLater());
 * channel.writeInbound('question');
 * await Promise.resolve();
 * console.log(channel.readOutbound());
 * // prints answer to question
 * ```
 */
export function holdMessage(channel: Channel): MessageHold | undefined {
  return transportOf(channel)?.holdMessage?.();
}

/**
 * Works like {@link Context.addPendingOutboundBytes}, for a transport that keeps output that its channel counts as
 * sent.
 */
export function addPendingOutboundBytes(channel: Channel, delta: number): void {
  coreOf(channel)?.output.addHeldBytes(delta);
}

/**
 * Returns the channel to which a transport reports; `undefined` if another transport, such as TLS, is on top of the
 * transport.
 */
export function channelOf(sink: TransportSink): ChannelOfSink | undefined {
  if (!(sink instanceof ChannelCore)) return undefined;
  const { channel, options } = sink;
  return { channel, maxOutboundBytes: options.maxOutboundBytes };
}
