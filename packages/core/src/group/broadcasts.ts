import type { Channel, Clock, WriteFuture } from '../contract.ts';
import { ChannelError, toError } from '../errors.ts';
import { SettableFuture } from '../internal/settable-future.ts';
import { broadcasting, type EncodedForms } from './encode-once.ts';
import { GroupFuture } from './group-future.ts';

/** A broadcast may hold the event loop for so long; the rest of its members come after other events. */
const SLICE_MS = 5;
/** Looking at the clock costs as much as a write: look once in so many members. */
const MEMBERS_PER_LOOK = 32;
/** Broadcasts that may wait behind a running one; a further one fails for all its members. */
const MAX_WAITING = 1024;

interface Broadcast {
  readonly channels: readonly Channel[];
  readonly operation: (channel: Channel) => WriteFuture;
  readonly future: GroupFuture;
  readonly forms: EncodedForms;
  next: number;
}

/** Runs the operations of one group on its members, one after the other, in slices of a few milliseconds. */
export class Broadcasts {
  private readonly waiting: Broadcast[] = [];
  private isScheduled = false;
  /** An operation may broadcast in turn; it then waits its turn, so that every member sees one order. */
  private isRunning = false;

  run(channels: readonly Channel[], operation: (channel: Channel) => WriteFuture): GroupFuture {
    const future = new GroupFuture(channels);
    if (channels.length === 0) return future;
    if (this.waiting.length >= MAX_WAITING) {
      const error = new ChannelError(
        'OUTBOUND_FULL',
        `${MAX_WAITING} broadcasts wait already: they are made faster than this process can send them`,
      );
      for (const _ of channels) future.add(SettableFuture.failed(error));
      return future;
    }
    this.waiting.push({ channels, operation, future, forms: new Map(), next: 0 });
    if (!this.isScheduled && !this.isRunning) this.runSlice(channels[0]!.clock);
    return future;
  }

  private runSlice(clock: Clock): void {
    this.isScheduled = false;
    this.isRunning = true;
    const end = clock.now() + SLICE_MS;
    try {
      while (this.waiting.length > 0) {
        const broadcast = this.waiting[0]!;
        if (!broadcasting(broadcast.forms, () => runUntil(broadcast, clock, end))) break;
        this.waiting.shift();
      }
    } finally {
      this.isRunning = false;
    }
    if (this.waiting.length === 0) return;
    this.isScheduled = true;
    clock.schedule(() => this.runSlice(clock), 0, true);
  }
}

/** One member's throw, of a coalescing key say, is that member's failure. */
function attempt(operation: (channel: Channel) => WriteFuture, channel: Channel): WriteFuture {
  try {
    return operation(channel);
  } catch (thrown) {
    return SettableFuture.failed(toError(thrown));
  }
}

/** Goes on with a broadcast; true when it is through, false when its time is over. */
function runUntil(broadcast: Broadcast, clock: Clock, end: number): boolean {
  const { channels, operation, future } = broadcast;
  while (broadcast.next < channels.length) {
    const channel = channels[broadcast.next]!;
    broadcast.next += 1;
    future.add(attempt(operation, channel));
    const isLook = broadcast.next % MEMBERS_PER_LOOK === 0;
    if (isLook && clock.now() >= end && broadcast.next < channels.length) return false;
  }
  return true;
}
