import { releaseSource } from '../call/given-source.ts';
import type { Channel, WriteFuture } from '../contract.ts';
import { ChannelError, OptionError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { PendingWriteQueue, type PendingWriteTarget } from '../hold/pending-write-queue.ts';
import { WritableWaits } from '../hold/writable-waits.ts';
import { fn } from '../option/function-option.ts';
import { choice, number } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { isPassedOver, passedOver } from './passed-over.ts';

/**
 * The policy of a group for a message to a member whose output is full (`isWritable` is false):
 *
 * - `close`: the message is written. The member is closed when more than `maxMemberBytes` wait.
 * - `drop-newest`: the member does not receive the message.
 * - `drop-oldest`: the message waits. Above `maxMemberMessages`, the oldest messages are dropped.
 * - `coalesce`: the message waits and replaces a waiting message with the same key.
 */
export type SlowMemberPolicy = 'close' | 'drop-newest' | 'drop-oldest' | 'coalesce';

/** The options of a group for slow members. */
export interface SlowMemberOptions {
  /** Policy for a member whose output is full. @default 'close' */
  readonly slowMember?: SlowMemberPolicy;
  /** Maximum output that waits for one member, in bytes, for `close`. @default 1048576 */
  readonly maxMemberBytes?: number;
  /** Maximum number of messages (or keys) that wait for one member, for `drop-oldest` and `coalesce`. @default 256 */
  readonly maxMemberMessages?: number;
  /**
   * Function that returns the key of a message, required for `coalesce`. Messages with the same key replace each other.
   * @default none
   */
  readonly coalesceKey?: (message: unknown) => unknown;
}

/** The number of times that the policy was applied since the creation of the group. */
export interface SlowMemberCounters {
  /** Number of members that were closed (`close`). */
  closed: number;
  /** Number of messages that a member did not receive (`drop-newest`). */
  droppedNewest: number;
  /** Number of waiting messages that were dropped for newer messages (`drop-oldest`). */
  droppedOldest: number;
  /** Number of waiting messages that a newer message with the same key replaced (`coalesce`). */
  coalesced: number;
}

/** The description of `SlowMemberOptions`: the values of each option, and its default. */
export const SLOW_MEMBER_OPTIONS = describeOptions('SlowMembers', {
  slowMember: choice(['close', 'drop-newest', 'drop-oldest', 'coalesce'], { default: 'close' }),
  maxMemberBytes: number({ min: 1, default: 1024 * 1024 }),
  maxMemberMessages: number({ min: 1, default: 256 }),
  coalesceKey: fn({ answers: 'sync', purpose: 'gives the key of a message' }),
});

/** The key of a message that no other message replaces. */
const NO_KEY = Symbol('no key');

/**
 * The messages that wait for one member until it is writable. They do not count towards the member's writability, because the
 * queue would then wait for itself. `maxMemberMessages` limits them.
 */
class MemberWrites implements PendingWriteTarget {
  readonly queue: PendingWriteQueue<unknown> = new PendingWriteQueue<unknown>(this);
  private readonly channel: Channel;
  private readonly keys = new Map<unknown, WriteFuture>();
  private isDropping = false;

  constructor(channel: Channel) {
    this.channel = channel;
  }

  hold(message: unknown, key: unknown): WriteFuture {
    const future = this.queue.add(message, key);
    if (key !== NO_KEY) this.keys.set(key, future);
    return future;
  }

  /** Drops the waiting message with a key. Returns false if there is none. */
  dropKey(key: unknown, why: string): boolean {
    const future = this.keys.get(key);
    if (future === undefined) return false;
    this.keys.delete(key);
    return this.drop(why, future);
  }

  dropOldest(why: string): void {
    this.keys.delete(this.queue.currentTag);
    this.drop(why);
  }

  /** Writes the oldest message. */
  send(): void {
    this.keys.delete(this.queue.currentTag);
    this.queue.removeAndWrite();
    this.channel.flush();
  }

  private drop(why: string, future?: WriteFuture): boolean {
    this.isDropping = true;
    const isDropped = this.queue.removeAndFail(droppedError(why), future);
    this.isDropping = false;
    return isDropped;
  }

  // --- methods for the queue ---

  write(message: unknown): WriteFuture {
    return this.channel.write(message);
  }

  addPendingOutboundBytes(): void {}

  /** Reports a write that failed. A message that the policy drops is counted instead. */
  reportFailure(future: WriteFuture, error: Error): void {
    if (!this.isDropping && !isPassedOver(this.channel, error))
      this.channel.pipeline.reportFailure(future, error);
  }
}

/** Applies the policy of the group: writes to members, and keeps the messages for slow members. */
export class SlowMembers {
  readonly counters: SlowMemberCounters = {
    closed: 0,
    droppedNewest: 0,
    droppedOldest: 0,
    coalesced: 0,
  };
  private readonly policy: SlowMemberPolicy;
  private readonly maxBytes: number;
  private readonly maxMessages: number;
  private readonly keyOf: (message: unknown) => unknown;
  private readonly waiting = new Map<Channel, MemberWrites>();
  private readonly awaited = new WritableWaits();

  constructor(options: SlowMemberOptions) {
    const given = SLOW_MEMBER_OPTIONS.part(options);
    this.policy = given.slowMember;
    this.maxBytes = given.maxMemberBytes;
    this.maxMessages = given.maxMemberMessages;
    this.keyOf = () => NO_KEY;
    if (this.policy !== 'coalesce') return;
    if (given.coalesceKey === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        "slowMember 'coalesce' needs coalesceKey: which messages replace each other?",
        { option: 'coalesceKey' },
      );
    }
    this.keyOf = given.coalesceKey;
  }

  /** Writes to one member if the policy allows it. The flush follows. A member that ends or has left is {@link passedOver}. */
  write(channel: Channel, message: unknown): WriteFuture {
    return passedOver(channel, this.writeNow(channel, message));
  }

  private writeNow(channel: Channel, message: unknown): WriteFuture {
    if (this.waiting.size > 0 && this.waiting.has(channel)) return this.hold(channel, message);
    // A buffer that is full because it was not flushed does not mean that the member is slow.
    if (!channel.isWritable) channel.flush();
    if (channel.isWritable || !channel.isOpen) return channel.write(message);
    if (this.policy === 'close') return this.writeOrClose(channel, message);
    if (this.policy === 'drop-newest') {
      this.counters.droppedNewest += 1;
      return dropped(message, 'the member reads too slowly, this message was dropped for it');
    }
    return this.hold(channel, message);
  }

  /** Called when a member has left. Fails the messages that wait for it. */
  forget(channel: Channel): void {
    const writes = this.waiting.get(channel);
    if (writes === undefined) return;
    this.waiting.delete(channel);
    while (!writes.queue.isEmpty) writes.dropOldest('the member has left the group');
  }

  private writeOrClose(channel: Channel, message: unknown): WriteFuture {
    if (channel.pendingOutboundBytes <= this.maxBytes) return channel.write(message);
    this.counters.closed += 1;
    channel.close('slow-consumer');
    return dropped(message, `more than ${this.maxBytes} bytes wait for the member; it was closed`);
  }

  private hold(channel: Channel, message: unknown): WriteFuture {
    const key = this.keyOf(message);
    let writes = this.waiting.get(channel);
    if (writes === undefined) {
      writes = new MemberWrites(channel);
      this.waiting.set(channel, writes);
      this.awaited.once(channel, () => this.resume(channel));
    }
    if (writes.dropKey(key, 'a newer message of the same key replaced it')) {
      this.counters.coalesced += 1;
    } else if (writes.queue.size >= this.maxMessages) {
      this.counters.droppedOldest += 1;
      writes.dropOldest('newer messages wait for the member, the oldest was dropped');
    }
    return writes.hold(message, key);
  }

  /** Called when the member is writable again. Writes waiting messages until it is no longer writable. */
  private resume(channel: Channel): void {
    const writes = this.waiting.get(channel);
    if (writes === undefined) return;
    while (!writes.queue.isEmpty) {
      if (!channel.isWritable && channel.isOpen) {
        this.awaited.once(channel, () => this.resume(channel));
        return;
      }
      writes.send();
    }
    this.waiting.delete(channel);
  }
}

function dropped(message: unknown, why: string): WriteFuture {
  void releaseSource(message);
  return SettableFuture.failed(droppedError(why));
}

function droppedError(why: string): ChannelError {
  return new ChannelError('OUTBOUND_FULL', why);
}
