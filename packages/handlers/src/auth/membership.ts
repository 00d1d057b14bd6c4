import type { Channel, Context } from '@headrace/core';
import { atOnce, callInContext } from '@headrace/core/authoring';
import type { AuthOptions } from './auth-options.ts';
import { PRINCIPAL } from './principal.ts';
import type { OtherSession, Session } from './sessions.ts';

type Places<Principal> = Pick<
  AuthOptions<Principal, never, never>,
  'group' | 'sessions' | 'principalKey'
>;

/**
 * Where an authenticated channel is known: its attributes, the sessions, the group. The session can be kicked in each
 * step: by the sessions that it is added to, by a listener, by a handler. So each step returns whether it goes on.
 */
export class Membership<Principal> {
  private readonly places: Places<Principal>;
  /** Set when the peer is authenticated; unset by a kick and by the close. */
  private session: Session<Principal> | undefined = undefined;

  constructor(places: Places<Principal>) {
    this.places = places;
  }

  /** The principal of the channel, if it is authenticated. */
  get principal(): Principal | undefined {
    return this.session?.principal;
  }

  /** The other sessions of its id. */
  others(principal: Principal, channel: Channel): readonly OtherSession[] {
    return atOnce('sessions.othersOf', this.places.sessions?.othersOf(principal, channel)) ?? [];
  }

  has(session: Session<Principal>): boolean {
    return this.session === session;
  }

  /** Begins a session, or moves the channel from the session before to this one. */
  begin(ctx: Context, session: Session<Principal>): boolean {
    const { channel, principal } = session;
    const { sessions, principalKey } = this.places;
    const previous = this.session;
    this.session = session;
    channel.attributes.set(PRINCIPAL, principal);
    if (principalKey !== undefined) channel.attributes.set(principalKey, principal);
    if (sessions === undefined) return true;
    if (previous !== undefined) {
      const removed = this.removeSession(previous);
      callInContext(ctx, () => removed);
    }
    // A listener of that may have closed the channel.
    if (this.session !== session) return false;
    const added: unknown = sessions.add(session);
    callInContext(ctx, () => added);
    if (previous === undefined) {
      channel.onClosed(() => {
        const last = this.session;
        this.session = undefined;
        return last && this.removeSession(last);
      });
    }
    return this.session === session;
  }

  join(session: Session<Principal>): boolean {
    this.places.group?.add(session.channel);
    return this.session === session;
  }

  /** Ends the session. False if it is over: it was kicked already, has closed, or moved to another principal. */
  end(session: Session<Principal>): boolean {
    if (this.session !== session) return false;
    this.session = undefined;
    return true;
  }

  /** Nothing waits for it: what is returned is only to be looked at for a rejection. */
  removeSession(session: Session<Principal>): unknown {
    return this.places.sessions?.remove(session);
  }

  leaveGroup(channel: Channel): void {
    this.places.group?.remove(channel);
  }
}
