import { AttributeKey } from './attribute-key.ts';
import type { Address, Channel } from './contract.ts';

/**
 * The address of a client behind a proxy, set by what learned it: the PROXY protocol, or a WebSocket's
 * request through a trusted proxy. Read it with {@link clientAddress}.
 */
export const CLIENT_ADDRESS: AttributeKey<Address> = new AttributeKey('client-address');

/**
 * The address of the client itself: as a trusted proxy reported it, else the address that the connection
 * comes from.
 */
export function clientAddress(channel: Channel): Address | undefined {
  return channel.attributes.get(CLIENT_ADDRESS) ?? channel.remoteAddress;
}
