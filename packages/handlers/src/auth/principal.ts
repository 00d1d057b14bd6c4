import { AttributeKey, type Channel } from '@headrace/core';

/** Who stands behind a channel: set by the AuthHandler when its authenticator has said yes. */
export const PRINCIPAL: AttributeKey<unknown> = new AttributeKey('principal');

/** Who stands behind a channel, as the type that your authenticator returns; `undefined` before it said yes. */
export function principalOf<Principal>(channel: Channel): Principal | undefined {
  return channel.attributes.get(PRINCIPAL) as Principal | undefined;
}
