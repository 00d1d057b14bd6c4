import type { Channel, Clock, GroupOutcome, Timer } from '@headrace/core';
import { suspendedMs, WritableWaits } from '@headrace/core/authoring';

/**
 * Number of bytes that members receive before they have time to send them. The output of a member accepts more than this at once.
 */
export const SHARE_BYTES = 32 * 1024;
/**
 * Number of bytes in a burst after which all members are checked. A check for each small message would be expensive in a large
 * group.
 */
const LOOK_BYTES = SHARE_BYTES / 8;
/** Bytes that a message takes in the output of a member, besides its body. */
const MESSAGE_BYTES = 128;
/** Time in which less than a share is not a burst. */
const BURST_MS = 50;
/** Maximum number of broadcasts that wait for their turn in a large group. */
const MAX_BACKLOG = 1024;
/**
 * Time after which a member that has not sent a share is slow. The group does not wait for a slow member until it is writable
 * again.
 */
const PATIENCE_MS = 1000;
/**
 * Maximum total waiting time. A part of the time is restored as time passes. So members that are slow on purpose delay others
 * only briefly.
 */
const MAX_WAIT_MS = 5000;
const EARNED_PART = 1 / 30;

/** The members of a group, or the connections of a user. */
export interface PacedMembers extends Iterable<Channel> {
  readonly backlog: number;
}

/**
 * Limits the rate at which the members of one group on this node, or the connections of one user, receive messages of other
 * nodes. After a process stood still, the messages of seconds arrive in one turn of the event loop. A member that reads normally
 * would receive megabytes at once, and be closed as slow. Therefore members receive a share, and the rest in later turns while
 * all members are writable.
 */
export class MemberPace {
  private readonly local: PacedMembers;
  private readonly clock: Clock;
  private since = 0;
  private given = 0;
  /** The number of bytes at the last check of the members. */
  private lookedAt = 0;
  private isBurst = false;
  private waitLeftMs = MAX_WAIT_MS;
  private waitedAt = 0;
  private readonly slow = new WritableWaits();
  private listeners: (() => void)[] | undefined = undefined;
  private patience: Timer | undefined = undefined;

  constructor(local: PacedMembers, clock: Clock) {
    this.local = local;
    this.clock = clock;
  }

  /** Whether the members must first send their output. */
  get isHeld(): boolean {
    return this.listeners !== undefined;
  }

  /** Whether all waiting time is restored. A new pace would then wait no longer. */
  get isRested(): boolean {
    this.refill();
    return this.waitLeftMs === MAX_WAIT_MS;
  }

  /** Calls the listener when the members accept more, or at once if they do now. */
  onceFree(listener: () => void): void {
    if (this.listeners === undefined) listener();
    else this.listeners.push(listener);
  }

  /** Counts a message that was written to all members. @param outcome - the outcome of the write */
  gave(bytes: number, outcome: GroupOutcome): void {
    if (this.isHeld) return;
    const now = this.clock.now();
    if (now - this.since >= BURST_MS) {
      this.startShare(now);
      this.isBurst = false;
    }
    this.given += bytes + MESSAGE_BYTES;
    const isFull = this.given >= SHARE_BYTES || this.local.backlog > MAX_BACKLOG;
    if (!isFull && !this.areMembersFull()) return;
    this.isBurst = true;
    this.listeners = [];
    this.waitForTurn(outcome);
  }

  /** Checks after a message to a few members. A member that is not writable must send its output before it receives more. */
  wroteToSome(): void {
    const channel = this.isHeld ? undefined : this.awaited();
    if (channel === undefined) return;
    this.listeners = [];
    this.waitFor(channel);
  }

  /** Stops waiting for members, and calls no listener. */
  stop(): void {
    this.patience?.cancel();
    this.listeners = undefined;
  }

  /** Waits for this write, but not for later writes, which would never end in a busy group. */
  private waitForTurn(outcome: GroupOutcome): void {
    const { clock, look } = this;
    // The write was refused, because too many broadcasts wait.
    if (outcome.isBegun && this.local.backlog > MAX_BACKLOG) clock.schedule(look, PATIENCE_MS);
    else outcome.onceBegun(() => clock.nextTurn(look));
  }

  private areMembersFull(): boolean {
    if (!this.isBurst || this.given - this.lookedAt < LOOK_BYTES) return false;
    this.lookedAt = this.given;
    return this.awaited() !== undefined;
  }

  private startShare(now: number): void {
    this.since = now;
    this.given = 0;
    this.lookedAt = 0;
  }

  private readonly look = (): void => {
    if (this.listeners === undefined) return;
    const channel = this.awaited();
    if (channel === undefined) this.free();
    else this.waitFor(channel);
  };

  /** Returns a member that must send its output, unless the waiting time is used up. */
  private awaited(): Channel | undefined {
    this.refill();
    if (this.waitLeftMs < PATIENCE_MS) return undefined;
    for (const channel of this.local) {
      if (!channel.isWritable && !this.slow.has(channel)) return channel;
    }
    return undefined;
  }

  private waitFor(channel: Channel): void {
    const { clock, slow } = this;
    const beganAt = clock.now();
    const dueAt = beganAt + PATIENCE_MS;
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      const now = clock.now();
      // The member had no time while this process stood still.
      const waitedMs = suspendedMs(now, dueAt) > 0 ? 0 : now - beganAt;
      this.waitLeftMs -= waitedMs;
      if (waitedMs >= PATIENCE_MS && !channel.isWritable) slow.once(channel, () => {});
      clock.nextTurn(this.look);
    };
    const timer = clock.schedule(over, PATIENCE_MS);
    this.patience = timer;
    channel.onceWritable(over);
  }

  private refill(): void {
    const now = this.clock.now();
    const earnedMs = (now - this.waitedAt) * EARNED_PART;
    this.waitLeftMs = Math.min(MAX_WAIT_MS, this.waitLeftMs + earnedMs);
    this.waitedAt = now;
  }

  private free(): void {
    const listeners = this.listeners!;
    this.listeners = undefined;
    this.startShare(this.clock.now());
    for (const listener of listeners) listener();
  }
}
