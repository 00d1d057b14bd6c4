import type { Channel } from '../contract.ts';
import type { Carrier, Transport, TransportSink } from '../transport/transport.ts';
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
 * Returns what carries a channel: that of its transport, or of the channel inside which it runs, such as HTTP for a
 * WebSocket. `undefined` for a connection in memory, and for a channel of another kind.
 */
export function carrierOf(channel: Channel): Carrier | undefined {
  const carrier = transportOf(channel)?.carrier;
  const { parent } = channel;
  return carrier ?? (parent === undefined || parent.isServer ? undefined : carrierOf(parent));
}

/**
 * Returns true for a channel that this program has connected, with a bootstrap or `connectChannel`, and false for a channel that it has
 * accepted: from a listening channel, from the peer of the channel inside which it runs, or from another source.
 */
export function isOpenedHere(channel: Channel): boolean {
  return coreOf(channel)?.isConnector === true;
}

/**
 * Calls the listener when the handlers of a closed channel have delivered the input that they kept. After the peer's end they deliver
 * it in turns of the event loop, which a busy process may have many of. A channel that follows another one, for example of a client
 * that reconnects, begins after it.
 */
export function onceInputDelivered(channel: Channel, listener: () => void): void {
  const core = coreOf(channel);
  if (core === undefined) listener();
  else core.onceInputDelivered(listener);
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
