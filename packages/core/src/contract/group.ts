import type { Channel } from '../contract.ts';
import type { CloseReason } from './connection.ts';

/**
 * A function that chooses members of a group. `elsewhere` can state the choice for channels in other processes, where the
 * function cannot be called.
 */
export interface ChannelMatcher {
  /** Returns true if the channel is chosen. */
  (channel: Channel): boolean;
  /**
   * Choice among the members in other processes. A plain function has no such choice and cannot be carried out there.
   * `ChannelMatchers.elsewhere` adds the choice. A group in one process ignores it. It is here because handlers write to a group
   * with the usual matchers, and do not know where its members are.
   */
  readonly elsewhere?: 'all' | 'none';
  /** The only channels that the function can choose. A group calls the function for these channels, not for all members. */
  readonly only?: ReadonlySet<Channel>;
}

/**
 * Many channels that are written to together. The members are in one process, as those of the class `ChannelGroup`, or in many.
 * `size`, `has`, `close` and the iteration cover the members in this process. `add` and `remove` accept channels of this
 * process. Writes and flushes reach the chosen members in all processes. Without a matcher, all members are chosen.
 * {@link ChannelMatcher.elsewhere} is the choice among the members in other processes.
 *
 * A channel that closes leaves the group by itself. A failure of one member does not affect the others.
 *
 * @typeParam Message - messages to the members
 */
export interface Group<Message = unknown> extends Iterable<Channel> {
  /** Name for the log. A group in many processes has the same name in each process. */
  readonly name: string;
  /** Number of members in this process. */
  readonly size: number;
  has(channel: Channel): boolean;
  /** Adds a channel. Returns true if the channel was not a member yet. A closed channel is not added. */
  add(channel: Channel): boolean;
  /** Removes a channel, which stays open. Returns true if the channel was a member. */
  remove(channel: Channel): boolean;
  /** Queues a message for the matching members. Throws a `TypeError` for `null` and `undefined`. */
  write(message: Message, matcher?: ChannelMatcher): GroupOutcome;
  /** Calls `write`, then `flush` for the same members. */
  writeAndFlush(message: Message, matcher?: ChannelMatcher): GroupOutcome;
  /** Sends the messages that were written to the matching members. */
  flush(matcher?: ChannelMatcher): void;
  /** Number of broadcasts that were accepted in this process and are not complete yet. */
  readonly backlog: number;
  /**
   * Calls `listener` once when the broadcasts that this process has accepted so far are complete, or at once if {@link backlog}
   * is 0. Later broadcasts can be waiting then.
   */
  onceDrained(listener: () => void): void;
  /** Closes the matching members. @default reason 'local' */
  close(reason?: CloseReason, matcher?: ChannelMatcher): GroupOutcome;
}

/**
 * The outcome of an operation on a {@link Group}. It settles after the operations of all members in this process, and rejects if
 * one failed. The group's class defines the outcome for other processes. You may ignore the outcome.
 */
export interface GroupOutcome extends PromiseLike<void> {
  /** Whether the operation was carried out for every member in this process. Written messages are not necessarily sent. */
  readonly isBegun: boolean;
  /** Calls `listener` once when {@link isBegun} is true, or at once if it is true. */
  onceBegun(listener: () => void): void;
  /** Number of members in this process that the operation is for. */
  readonly size: number;
  /** Whether the operation has succeeded or failed for each of these members. */
  readonly isSettled: boolean;
  /** Whether the operation has succeeded for all of these members. */
  readonly isSuccess: boolean;
  /** Whether the operation has succeeded for some members, but not for all. */
  readonly isPartialSuccess: boolean;
  /** Whether the operation has failed for some members, but not for all. */
  readonly isPartialFailure: boolean;
  /** Calls `listener` after the operation has settled, never within this call: with the error, or with `undefined`. */
  onSettled(listener: (error: Error | undefined) => void): void;
  /** Creates a promise and calls its `catch`. */
  catch<T = never>(
    onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null,
  ): Promise<void | T>;
  /** Creates a promise and calls its `finally`. */
  finally(onFinally?: (() => void) | null): Promise<void>;
}
