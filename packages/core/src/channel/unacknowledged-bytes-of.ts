import type { Channel } from '../contract.ts';
import type { Transport } from '../transport/transport.ts';

/**
 * Bytes that the peer of a channel has not acknowledged, as far as its transport knows: for a transport on top of the
 * channel, see {@link Transport.unacknowledgedBytes}.
 */
export function unacknowledgedBytesOf(channel: Channel | undefined): number | undefined {
  return (channel as { readonly transport?: Transport } | undefined)?.transport
    ?.unacknowledgedBytes;
}
