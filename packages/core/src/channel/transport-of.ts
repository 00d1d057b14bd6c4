import type { Channel } from '../contract.ts';
import type { Transport, TransportSink } from '../transport/transport.ts';
import { ChannelCore } from './channel-core.ts';
import { coreOf } from './transport-channel.ts';

/** A channel, and the limit of its output. */
export interface ChannelOfSink {
  readonly channel: Channel;
  readonly maxOutboundBytes: number;
}

/** The transport of a channel; `undefined` for a channel of another kind. */
export function transportOf(channel: Channel | undefined): Transport | undefined {
  return channel && coreOf(channel)?.transport;
}

/** The channel that a transport reports to; `undefined` if it reports to another transport on top of it, as TLS. */
export function channelOf(sink: TransportSink): ChannelOfSink | undefined {
  if (!(sink instanceof ChannelCore)) return undefined;
  const { channel, options } = sink;
  return { channel, maxOutboundBytes: options.maxOutboundBytes };
}
