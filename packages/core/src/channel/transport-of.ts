import type { Channel } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';

/** What a channel runs on; `undefined` for one that is no channel over a transport. */
export function transportOf(channel: Channel | undefined): Transport | undefined {
  return (channel as { readonly transport?: Transport } | undefined)?.transport;
}
