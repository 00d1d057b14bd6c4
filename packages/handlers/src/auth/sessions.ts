import type { Channel } from '@headrace/core';

/** A session of the same id on another channel, perhaps in another process; it can only be ended. */
export interface OtherSession {
  /**
   * Ends the session because a newer one takes its place. May be called at any time: a session that is over already, or whose
   * channel has closed or signed in again, is not touched. It does not throw.
   */
  kick(): void;
}

/** One authenticated channel, as its AuthHandler shows it to {@link Sessions}. */
export interface Session<Principal> extends OtherSession {
  readonly channel: Channel;
  readonly principal: Principal;
}

/**
 * The connected sessions, as far as an AuthHandler needs them: shared by the handlers of one server, as the class
 * SessionRegistry is, or by those of many. An implementation may kick a session at any time, even within `add`, and on
 * a request from outside. `othersOf` must not return a promise; one of `add`, `remove` or `kick` is not waited for, and its
 * rejection goes through the pipeline.
 */
export interface Sessions<Principal> {
  /**
   * The sessions of a principal's id but for one channel's own, wherever they are. Called when the peer is authenticated; it
   * decides by what it knows then, without a promise.
   */
  othersOf(principal: Principal, channel: Channel): readonly OtherSession[];
  /** Adds the session of a peer that is authenticated; called once for each session. */
  add(session: Session<Principal>): void;
  /** Removes a session: its channel has closed, has signed in again, or was kicked. True if it was there. */
  remove(session: Session<Principal>): boolean;
}
