import type { Channel, MessageLimits } from '../contract.ts';
import type { Transport, TransportSink } from '../transport/transport.ts';
import { ChannelCore } from './channel-core.ts';
import { coreOf } from './transport-channel.ts';

/** A channel, and the limit of its output. */
export interface ChannelOfSink {
  readonly channel: Channel;
  /** Maximum size of the waiting output, in bytes. */
  readonly maxOutboundBytes: number;
  /** Returns true if input was requested and has not arrived. */
  readonly asksForInput: () => boolean;
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
  const { channel, options, reading } = sink;
  const asksForInput = () => reading.isAsked;
  return { channel, maxOutboundBytes: options.maxOutboundBytes, asksForInput };
}
