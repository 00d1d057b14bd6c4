import type { Channel } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';
import { coreOf } from './transport-channel.ts';

/** The transport of a channel; `undefined` for a channel of another kind. */
export function transportOf(channel: Channel | undefined): Transport | undefined {
  return channel && coreOf(channel)?.transport;
}
