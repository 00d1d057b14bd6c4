import type { Channel, Clock, GroupOutcome, Timer } from '@headrace/core';
import { stoodStillMs } from '@headrace/core/authoring';

/** Members get so many bytes before they have time to send them: less than the output of a member takes at once. */
export const SHARE_BYTES = 32 * 1024;
/** In a burst all members are looked at after so many bytes: to do so for each small message is expensive in a large group. */
const LOOK_BYTES = SHARE_BYTES / 8;
/** Bytes that a message takes in the output of a member besides its body. */
const MESSAGE_BYTES = 128;
/** Less than a share in this time is not a burst. */
const BURST_MS = 50;
/** Broadcasts that wait for their turn in a large group. */
const MAX_BACKLOG = 1024;
/** A member that has not taken a share after this time is slow: it is not waited for until it is writable again. */
const PATIENCE_MS = 1000;
/** Waiting in all, of which a part is earned back as time passes: members that are slow on purpose hold up no others for long. */
const MAX_WAIT_MS = 5000;
const EARNED_PART = 1 / 30;

/** The members of a group, or the connections of a user. */
export interface PacedMembers extends Iterable<Channel> {
  /** Broadcasts that have not begun. */
  readonly backlog: number;
}

/**
 * How fast the members of one group on this node, or the connections of one user, get what comes from other nodes. A process that stood still gets the
 * messages of seconds in one turn of the event loop: a member that reads as it always does would get megabytes before
 * it could take any of them, and be closed as slow. Members get a share, and the rest in later turns as far as all
 * are writable.
 */
export class MemberPace {
  private readonly local: PacedMembers;
  private readonly clock: Clock;
  private since = 0;
  private given = 0;
  /** As many bytes were given at the last look at the members. */
  private lookedAt = 0;
  private isBurst = false;
  private waitLeftMs = MAX_WAIT_MS;
  private waitedAt = 0;
  private readonly slow = new Set<Channel>();
  private listeners: (() => void)[] | undefined = undefined;
  private patience: Timer | undefined = undefined;

  constructor(local: PacedMembers, clock: Clock) {
    this.local = local;
    this.clock = clock;
  }

  /** True while the members have to take what they have. */
  get isHeld(): boolean {
    return this.listeners !== undefined;
  }

  /** True when all the time that was waited has been earned back: a new pace would wait no longer. */
  get isRested(): boolean {
    this.earn();
    return this.waitLeftMs === MAX_WAIT_MS;
  }

  /** Calls back when the members can take more; at once if they can now. */
  onceFree(listener: () => void): void {
    if (this.listeners === undefined) listener();
    else this.listeners.push(listener);
  }

  /** The members were given a message of so many bytes. @param outcome - of the write */
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

  /** A few members were given a message: one that is not writable has to take what it has, before there is more. */
  gaveFew(): void {
    const channel = this.isHeld ? undefined : this.awaited();
    if (channel === undefined) return;
    this.listeners = [];
    this.waitFor(channel);
  }

  /** No member is waited for any more, and no listener is called back. */
  stop(): void {
    this.patience?.cancel();
    this.listeners = undefined;
  }

  /** Later writes of this node are not waited for: in a busy group that would never end. */
  private waitForTurn(outcome: GroupOutcome): void {
    const { clock, look } = this;
    // Refused, because too many broadcasts wait.
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

  /** A member that has to send what it has, unless it was waited for long enough. */
  private awaited(): Channel | undefined {
    this.earn();
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
      // In a process that stood still the member had no time.
      const waitedMs = stoodStillMs(now, dueAt) > 0 ? 0 : now - beganAt;
      this.waitLeftMs -= waitedMs;
      if (waitedMs >= PATIENCE_MS && !channel.isWritable) {
        slow.add(channel);
        channel.onceWritable(() => slow.delete(channel));
      }
      clock.nextTurn(this.look);
    };
    const timer = clock.schedule(over, PATIENCE_MS);
    this.patience = timer;
    channel.onceWritable(over);
  }

  private earn(): void {
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
