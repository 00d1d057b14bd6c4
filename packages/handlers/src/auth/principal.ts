import { AttributeKey, type Channel } from '@headrace/core';

/**
 * The principal of a channel, which has signed in if it has one: set by the AuthHandler when its authenticator has accepted
 * the peer. A sign-in without an AuthHandler sets it, too: `channel.attributes.set(PRINCIPAL, user)`.
 */
export const PRINCIPAL: AttributeKey<unknown> = new AttributeKey('principal');

/** The principal of a channel, as the type that your authenticator returns; `undefined` before it accepted the peer. */
export function principalOf<Principal>(channel: Channel): Principal | undefined {
  return channel.attributes.get(PRINCIPAL) as Principal | undefined;
}

/** Channels that signed in in another process. No attribute: looking for one would take 48 bytes of each connection. */
const RESTORED = new WeakSet<Channel>();

/**
 * The channel signed in in another process, and its `PRINCIPAL` is brought along: an AuthHandler that starts in its pipeline does
 * not authenticate it again, and sends the peer no reply.
 */
export function restoreSignIn(channel: Channel): void {
  RESTORED.add(channel);
}

export function isSignInRestored(channel: Channel): boolean {
  return RESTORED.has(channel);
}
