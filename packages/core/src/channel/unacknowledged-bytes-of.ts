import type { Channel } from '../contract.ts';
import { transportOf } from './transport-of.ts';

/**
 * Bytes that the peer of a channel has not acknowledged, as far as its transport knows: for a transport on top of the
 * channel, see `Transport.unacknowledgedBytes`.
 */
export function unacknowledgedBytesOf(channel: Channel | undefined): number | undefined {
  return transportOf(channel)?.unacknowledgedBytes;
}
