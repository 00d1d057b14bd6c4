import type { Channel } from '../contract.ts';
import type { MessageHold, Transport, TransportSink } from '../transport/transport.ts';
import { ChannelCore } from './channel-core.ts';
import { coreOf } from './transport-channel.ts';

/** A channel, and the limit of its output. */
export interface ChannelOfSink {
  readonly channel: Channel;
  /** How many bytes of output may wait. */
  readonly maxOutboundBytes: number;
}

/** The transport of a channel; `undefined` for a channel of another kind. */
export function transportOf(channel: Channel | undefined): Transport | undefined {
  return channel && coreOf(channel)?.transport;
}

/**
 * For a handler whose work for a message goes on after `channelRead`: holds the message that is being read until the work is
 * done, so that another process does the work if this one is killed. `undefined` where no process can: a lasting channel with a
 * log has one. Call it within `channelRead`, and release the hold together with the write of the answer.
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

/** As {@link Context.addPendingOutboundBytes}, for a transport that keeps what its channel takes for sent. */
export function addPendingOutboundBytes(channel: Channel, delta: number): void {
  coreOf(channel)?.output.addHeldBytes(delta);
}

/** The channel that a transport reports to; `undefined` if it reports to another transport on top of it, as TLS. */
export function channelOf(sink: TransportSink): ChannelOfSink | undefined {
  if (!(sink instanceof ChannelCore)) return undefined;
  const { channel, options } = sink;
  return { channel, maxOutboundBytes: options.maxOutboundBytes };
}
