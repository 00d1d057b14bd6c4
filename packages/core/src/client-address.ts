import { AttributeKey } from './attribute-key.ts';
import type { Address, Channel } from './contract.ts';

/** Who is at the other end behind a proxy, set by what learned it (the PROXY protocol). Read it with {@link clientAddress}. */
export const CLIENT_ADDRESS: AttributeKey<Address> = new AttributeKey('client-address');

/**
 * The address of the client itself: what a trusted proxy said about it, else the address that the connection
 * comes from.
 */
export function clientAddress(channel: Channel): Address | undefined {
  return channel.attributes.get(CLIENT_ADDRESS) ?? channel.remoteAddress;
}
