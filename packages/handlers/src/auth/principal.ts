import { AttributeKey, type Channel } from '@headrace/core';

/** The principal of a channel: set by the AuthHandler when its authenticator has accepted the peer. */
export const PRINCIPAL: AttributeKey<unknown> = new AttributeKey('principal');

/** The principal of a channel, as the type that your authenticator returns; `undefined` before it accepted the peer. */
export function principalOf<Principal>(channel: Channel): Principal | undefined {
  return channel.attributes.get(PRINCIPAL) as Principal | undefined;
}
