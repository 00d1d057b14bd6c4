import { AttributeKey } from '../contract/attribute-key.ts';
import type { Address } from '../contract/connection.ts';
import type { Channel } from '../contract.ts';

/**
 * The address of a client behind a proxy. It is set by the PROXY protocol, or by a WebSocket's request through a trusted proxy.
 * Use {@link clientAddress} to read it.
 */
export const CLIENT_ADDRESS: AttributeKey<Address> = new AttributeKey('client-address');

/** Returns the address of the client that a trusted proxy reported, or otherwise the remote address of the connection. */
export function clientAddress(channel: Channel): Address | undefined {
  return channel.attributes.get(CLIENT_ADDRESS) ?? channel.remoteAddress;
}
