import { token } from '@headrace/bus/authoring';
import type { Channel } from '@headrace/core';
import { checkKind } from '@headrace/core/authoring';
import type { Session } from '@headrace/handlers';
import { checkChannel } from '../application/check-channel.ts';
import { BoundIds } from './bound-ids.ts';
import { BoundUser } from './bound-user.ts';

/** Notified of changes of the users of this node, which the other nodes receive. */
export interface BoundUsersListener<Principal> {
  /** The first session of a user was added. */
  began(key: string): void;
  /** A session of a user was added, including the first. */
  came(key: string, user: BoundUser<Principal>): void;
  /** The last session of a user was removed. */
  ended(key: string): void;
}

/** The users of this node: the id of each principal, and the connections of each id. */
export class BoundUsers<Principal> {
  private readonly idOf: ((principal: Principal) => string) | undefined;
  private readonly listener: BoundUsersListener<Principal>;
  private readonly users = new Map<string, BoundUser<Principal>>();
  private readonly bound = new WeakMap<Channel, BoundIds<Principal>>();
  private isClosed = false;

  constructor(
    idOf: ((principal: Principal) => string) | undefined,
    listener: BoundUsersListener<Principal>,
  ) {
    this.idOf = idOf;
    this.listener = listener;
  }

  /** The users by the token of their id. */
  get byKey(): ReadonlyMap<string, BoundUser<Principal>> {
    return this.users;
  }

  /** Binds a channel to an id until the channel closes. */
  bind(id: string, channel: Channel): void {
    checkKind('id', id, typeof id === 'string', 'a text');
    checkChannel(channel);
    const known = this.bound.get(channel);
    if (known?.get(id) !== undefined || !channel.isOpen) return;
    const kick = () => {
      this.unbind(id, channel);
      channel.end({ reason: 'replaced' });
    };
    const session: Session<Principal> = { channel, principal: id as Principal, kick };
    if (known === undefined) {
      this.bound.set(channel, new BoundIds(id, session));
      channel.onClosed(this.onChannelClosed);
    } else known.set(id, session);
    this.addTo(token(id), session);
  }

  /** Unbinds a connection. Returns true if it was bound. */
  unbind(id: string, channel: Channel): boolean {
    const ids = this.bound.get(channel);
    const session = ids?.get(id);
    if (session === undefined) return false;
    ids?.delete(id);
    return this.removeFrom(token(id), session);
  }

  idsOf(channel: Channel): string[] {
    return this.bound.get(channel)?.ids() ?? [];
  }

  add(session: Session<Principal>): void {
    this.addTo(this.keyOf(session.principal), session);
  }

  /** Removes the session of a principal. Returns true if it existed. */
  remove(session: Session<Principal>): boolean {
    return this.removeFrom(this.keyOfSession(session), session);
  }

  /** Removes the session of a user. Returns true if it existed. */
  removeFrom(key: string, session: Session<Principal>): boolean {
    const user = this.users.get(key);
    const index = user?.sessions.indexOf(session) ?? -1;
    if (user === undefined || index < 0) return false;
    user.sessions.splice(index, 1);
    if (user.sessions.length > 0) return true;
    this.users.delete(key);
    this.listener.ended(key);
    return true;
  }

  sessionsOf(principal: Principal): readonly Session<Principal>[] {
    return this.users.get(this.keyOf(principal))?.sessions ?? [];
  }

  /** Forgets all users, and adds no later ones. */
  close(): void {
    this.isClosed = true;
    this.users.clear();
  }

  private addTo(key: string, session: Session<Principal>): void {
    if (this.isClosed) return;
    let user = this.users.get(key);
    if (user === undefined) {
      user = new BoundUser(session);
      this.users.set(key, user);
      this.listener.began(key);
    } else user.sessions.push(session);
    this.listener.came(key, user);
  }

  private keyOf(principal: Principal): string {
    const { idOf } = this;
    if (idOf !== undefined) {
      const id = idOf(principal);
      return token(checkKind('the id of a principal', id, typeof id === 'string', 'a text'));
    }
    if (typeof principal === 'string') return token(principal);
    const id = (principal as { readonly id?: unknown } | null)?.id;
    if (typeof id === 'string') return token(id);
    throw new TypeError('a principal without an id: give Cluster.join({ users: { idOf } })');
  }

  /** Returns the user of an added session, even if `idOf` fails now, because a session that has ended must not stay. */
  private keyOfSession(session: Session<Principal>): string {
    try {
      return this.keyOf(session.principal);
    } catch (thrown) {
      for (const [key, { sessions }] of this.users) if (sessions.includes(session)) return key;
      throw thrown;
    }
  }

  private readonly onChannelClosed = (channel: Channel): void => {
    for (const id of this.bound.get(channel)?.ids() ?? []) this.unbind(id, channel);
    this.bound.delete(channel);
  };
}
