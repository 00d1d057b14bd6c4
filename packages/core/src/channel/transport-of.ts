import type { Channel } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';
import { coreOf } from './transport-channel.ts';

/** What a channel runs on; `undefined` for one that is no channel over a transport. */
export function transportOf(channel: Channel | undefined): Transport | undefined {
  return channel && coreOf(channel)?.transport;
}
