import type { Channel, Context } from '@headrace/core';
import { atOnce, callInContext } from '@headrace/core/authoring';
import type { AuthOptions } from './auth-options.ts';
import { PRINCIPAL } from './principal.ts';
import type { OtherSession, Session } from './sessions.ts';

type Places<Principal> = Pick<
  AuthOptions<never, Principal, never>,
  'group' | 'sessions' | 'principalKey'
>;

/**
 * The places where an authenticated channel is registered: its attributes, the sessions and the group. The sessions, a listener
 * or a handler can kick the session in each step. So each step returns whether to continue.
 */
export class Membership<Principal> {
  private readonly places: Places<Principal>;
  /** Set when the peer is authenticated. A kick and the close of the channel unset it. */
  private session: Session<Principal> | undefined = undefined;

  constructor(places: Places<Principal>) {
    this.places = places;
  }

  /** The principal of the channel, if the channel is authenticated. */
  get principal(): Principal | undefined {
    return this.session?.principal;
  }

  others(principal: Principal, channel: Channel): readonly OtherSession[] {
    return atOnce('sessions.othersOf', this.places.sessions?.othersOf(principal, channel)) ?? [];
  }

  has(session: Session<Principal>): boolean {
    return this.session === session;
  }

  /** Begins a session, or moves the channel from its previous session to this session. */
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
    // A listener of the removal may have closed the channel.
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

  /**
   * Ends the session. Returns false if the session has ended already: by a kick, by the close, or by a move to another principal.
   */
  end(session: Session<Principal>): boolean {
    if (this.session !== session) return false;
    this.session = undefined;
    return true;
  }

  /** Removes a session. The result is not awaited, only observed for a rejection. */
  removeSession(session: Session<Principal>): unknown {
    return this.places.sessions?.remove(session);
  }

  leaveGroup(channel: Channel): void {
    this.places.group?.remove(channel);
  }
}
