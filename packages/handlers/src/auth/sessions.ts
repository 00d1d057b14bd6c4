import type { Channel } from '@headrace/core';

/** A session of the same id on another channel, perhaps in another process. It can only be ended. */
export interface OtherSession {
  /**
   * Ends the session because a newer session takes its place. You may call `kick` at any time. It does not throw, and has no
   * effect if the session has ended already, or if its channel has closed or signed in again.
   */
  kick(): void;
}

/** One authenticated channel, as its AuthHandler passes it to {@link Sessions}. */
export interface Session<Principal> extends OtherSession {
  readonly channel: Channel;
  readonly principal: Principal;
}

/**
 * The interface between AuthHandlers and the connected sessions. The handlers of one server share the sessions, as with the class
 * SessionRegistry, or the handlers of several servers do. An implementation may kick a session at any time, even within `add`,
 * and also on an external request. `othersOf` must not return a promise. A promise from `add`, `remove` or `kick` is not awaited,
 * and its rejection goes through the pipeline.
 */
export interface Sessions<Principal> {
  /**
   * Returns the sessions of a principal's id on all servers, except the session of the given channel. Called when the peer is
   * authenticated. The method answers at once, without a promise, from the sessions that are known at that moment.
   */
  othersOf(principal: Principal, channel: Channel): readonly OtherSession[];
  /** Adds the session of a peer that is authenticated. Called once for each session. */
  add(session: Session<Principal>): void;
  /** Removes a session because its channel has closed, has signed in again, or was kicked. Returns true if it was registered. */
  remove(session: Session<Principal>): boolean;
}
