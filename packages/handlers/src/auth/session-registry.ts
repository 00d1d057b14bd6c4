import type { Channel } from '@headrace/core';

/** One authenticated channel, as its AuthHandler shows it to the registry. */
export interface Session<Principal> {
  readonly channel: Channel;
  readonly principal: Principal;
  /** Ends the session because a newer one takes its place. */
  kick(): void;
}

/**
 * Who is connected, by id: shared by the AuthHandlers of one server, which keep it up to date. It finds the
 * channel to send to, and knows when an id comes in a second time.
 *
 * @example
 * ```ts check
 * import { SessionRegistry } from '@headrace/handlers';
 *
 * interface User { readonly id: string }
 * const sessions = new SessionRegistry<User>((user) => user.id);
 * sessions.channel('ann')?.writeAndFlush('hello');
 * ```
 */
export class SessionRegistry<Principal> {
  readonly idOf: (principal: Principal) => string;
  /** The oldest first. */
  private readonly sessions = new Map<string, Session<Principal>[]>();

  constructor(idOf: (principal: Principal) => string) {
    this.idOf = idOf;
  }

  /** How many ids are connected. */
  get size(): number {
    return this.sessions.size;
  }

  /** The ids that are connected, the one that came first in front. */
  ids(): IterableIterator<string> {
    return this.sessions.keys();
  }

  has(id: string): boolean {
    return this.sessions.has(id);
  }

  /** The newest channel of an id. */
  channel(id: string): Channel | undefined {
    return this.sessions.get(id)?.at(-1)?.channel;
  }

  /** All channels of an id, the oldest first. */
  channels(id: string): Channel[] {
    return (this.sessions.get(id) ?? []).map((session) => session.channel);
  }

  /** The sessions of a principal's id but for one channel's own. */
  othersOf(principal: Principal, channel: Channel): readonly Session<Principal>[] {
    const all = this.sessions.get(this.idOf(principal)) ?? [];
    return all.filter((session) => session.channel !== channel);
  }

  add(session: Session<Principal>): void {
    const id = this.idOf(session.principal);
    const all = this.sessions.get(id);
    if (all === undefined) this.sessions.set(id, [session]);
    else all.push(session);
  }

  /** True if it was there. */
  remove(session: Session<Principal>): boolean {
    const id = this.idOf(session.principal);
    const all = this.sessions.get(id);
    const index = all?.indexOf(session) ?? -1;
    if (all === undefined || index < 0) return false;
    if (all.length === 1) this.sessions.delete(id);
    else all.splice(index, 1);
    return true;
  }
}
