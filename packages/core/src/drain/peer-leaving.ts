import { AttributeKey } from '../contract/attribute-key.ts';
import type { Channel } from '../contract.ts';

const LEAVING = new AttributeKey<true>('peerLeaving');

/**
 * Records that the peer has announced the end of this connection, because it stops or sends its clients elsewhere. Whatever then
 * ends the connection, the end is planned: a client goes elsewhere at once, and does not count a failure. The handler of a protocol
 * with such a message calls it, for example for a WebSocket's close code 1001. A handler that ends the channel itself uses
 * `channel.end({ reason: 'moved' })` instead.
 */
export function markPeerLeaving(channel: Channel): void {
  channel.attributes.set(LEAVING, true);
}

/** Whether the peer has announced the end of this connection, see {@link markPeerLeaving}. */
export function isPeerLeaving(channel: Channel): boolean {
  return channel.attributes.has(LEAVING);
}
