import { AttributeKey, type Channel } from '@headrace/core';

/**
 * The attribute with the principal of a channel that has signed in. The AuthHandler sets it when its authenticator has accepted
 * the peer. A sign-in without an AuthHandler sets it with `channel.attributes.set(PRINCIPAL, user)`.
 */
export const PRINCIPAL: AttributeKey<unknown> = new AttributeKey('principal');

/** Returns the principal of a channel, as the type that your authenticator returns, or `undefined` before the sign-in. */
export function principalOf<Principal>(channel: Channel): Principal | undefined {
  return channel.attributes.get(PRINCIPAL) as Principal | undefined;
}

/**
 * Channels that signed in in another process. A set is used, because a look-up of an attribute would take 48 bytes of each
 * connection.
 */
const RESTORED = new WeakSet<Channel>();

/**
 * Marks a channel that signed in in another process and has its `PRINCIPAL` from there. An AuthHandler that starts in the
 * channel's pipeline does not authenticate the peer again, and sends it no reply.
 */
export function restoreSignIn(channel: Channel): void {
  RESTORED.add(channel);
}

export function isSignInRestored(channel: Channel): boolean {
  return RESTORED.has(channel);
}
