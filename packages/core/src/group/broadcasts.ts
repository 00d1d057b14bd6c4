import { callSafely } from '../call/call-safely.ts';
import { releaseSource } from '../call/given-source.ts';
import type { Clock } from '../contract/clock.ts';
import type { Channel, WriteFuture } from '../contract.ts';
import { ChannelError, toError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';
import { broadcasting, type EncodedForms } from './encode-once.ts';
import { GroupFuture } from './group-future.ts';

/** Maximum time for which a broadcast blocks the event loop. The remaining members follow after other events. */
const SLICE_MS = 5;
/**
 * Number of members that are written to before they are flushed. The objects of a member are cache misses, and load faster while
 * the kernel does not work in between. Reading the clock costs as much as a write, so it is read once for each batch.
 */
const BATCH_MEMBERS = 32;
/** While broadcasts wait, a member is flushed after at least this number of broadcasts and this time. */
const FLUSH_AFTER_BROADCASTS = 8;
const FLUSH_AFTER_MS = 25;
/** Maximum number of waiting broadcasts, and of their writes. A further broadcast fails for all its members. */
const MAX_WAITING = 16_384;
const MAX_WAITING_WRITES = 8_000_000;

/** Writes to one member. The flush follows. */
type Operation = (channel: Channel) => WriteFuture;

interface Broadcast {
  readonly number: number;
  readonly channels: readonly Channel[];
  readonly operation: Operation;
  flush: boolean;
  readonly future: GroupFuture;
  readonly forms: EncodedForms;
  next: number;
}

/** Runs the operations of one group on its members, one after the other, in slices of a few milliseconds. */
export class Broadcasts {
  private readonly waiting: Broadcast[] = [];
  private waitingWrites = 0;
  private newest = 0;
  /** Members whose flush is due but delayed, because broadcasts wait. */
  private readonly unflushed = new Set<Channel>();
  /** For each member, the number of the last broadcast before a call of {@link flush}. */
  private readonly flushedThrough = new WeakMap<Channel, number>();
  /** Highest number in {@link flushedThrough}. */
  private lastFlushed = 0;
  private unflushedSince = 0;
  private doneSince = 0;
  private isScheduled = false;
  /** Whether an operation runs. A broadcast from within an operation waits, so that all members see the same order. */
  private isRunning = false;
  /** Listeners, each with the number of the last broadcast that it waits for, in rising order. */
  private readonly drainListeners: { readonly number: number; readonly listener: () => void }[] =
    [];

  /** Number of broadcasts that are not complete. */
  get size(): number {
    return this.waiting.length;
  }

  /**
   * Calls `listener` when the present broadcasts are complete. Does not wait for later broadcasts, which could continue forever.
   */
  onceDrained(listener: () => void): void {
    if (this.waiting.length === 0) listener();
    else this.drainListeners.push({ number: this.newest, listener });
  }

  /** @param message - what `operation` writes, which is released if nobody gets it */
  run(
    channels: readonly Channel[],
    flush: boolean,
    operation: Operation,
    message?: unknown,
  ): GroupFuture {
    const future = new GroupFuture(channels);
    if (channels.length === 0) {
      void releaseSource(message);
      return future;
    }
    const { waiting } = this;
    const isTooMany = this.waitingWrites + channels.length > MAX_WAITING_WRITES;
    if (waiting.length >= MAX_WAITING || (isTooMany && waiting.length > 0)) {
      const error = new ChannelError(
        'OUTBOUND_FULL',
        `${waiting.length} broadcasts wait already: they are made faster than this process can send them`,
      );
      void releaseSource(message);
      for (const _ of channels) future.add(SettableFuture.failed(error));
      if (flush) this.flush(channels);
      return future;
    }
    const number = ++this.newest;
    waiting.push({ number, channels, operation, flush, future, forms: new Map(), next: 0 });
    this.waitingWrites += channels.length;
    if (!this.isScheduled && !this.isRunning) this.runSlice(channels[0]!.clock);
    return future;
  }

  /** Flushes the members after all waiting broadcasts, or at once if none waits. */
  flush(channels: readonly Channel[]): void {
    const last = this.waiting.at(-1);
    if (last !== undefined && isSame(last.channels, channels)) {
      // This is the usual case, and much cheaper than a mark for each member.
      last.flush = true;
      for (let i = 0; i < last.next; i++) this.flushLater(channels[i]!);
      return;
    }
    for (const channel of channels) {
      if (this.waiting.length === 0) channel.flush();
      else {
        this.flushedThrough.set(channel, this.newest);
        this.lastFlushed = this.newest;
        this.flushLater(channel);
      }
    }
  }

  private runSlice(clock: Clock): void {
    this.isScheduled = false;
    this.isRunning = true;
    const end = clock.now() + SLICE_MS;
    try {
      if (!this.isFlushDue(clock) || this.flushUntil(clock, end)) this.writeUntil(clock, end);
    } finally {
      this.isRunning = false;
    }
    if (this.waiting.length > 0 || this.unflushed.size > 0) {
      this.isScheduled = true;
      // No timer, because a timer runs after a millisecond at the earliest. With a timer between slices, the last of 5,000
      // members had a message 71 ms after it was written, instead of 56 ms.
      clock.nextTurn(() => this.runSlice(clock));
    }
    this.callDrainListeners();
  }

  private callDrainListeners(): void {
    const { drainListeners, waiting } = this;
    if (waiting.length === 0 && this.unflushed.size > 0) return;
    while (drainListeners.length > 0) {
      if (waiting.length > 0 && drainListeners[0]!.number >= waiting[0]!.number) return;
      callSafely(drainListeners.shift()!.listener, undefined);
    }
  }

  /** Continues with the broadcasts until all are complete and flushed, or the time of the slice has passed. */
  private writeUntil(clock: Clock, end: number): void {
    let done = 0;
    while (done < this.waiting.length) {
      const broadcast = this.waiting[done]!;
      const isLast = done === this.waiting.length - 1;
      const isWhole = broadcasting(broadcast.forms, () =>
        this.resume(broadcast, isLast, clock, end),
      );
      if (!isWhole) break;
      this.waitingWrites -= broadcast.channels.length;
      done += 1;
      this.doneSince += 1;
    }
    if (done === this.waiting.length) this.waiting.length = 0;
    else this.waiting.splice(0, done);
    if (this.isFlushDue(clock)) this.flushUntil(clock, end);
  }

  /** Continues with one broadcast. Returns true if it is complete, false if the time of the slice has passed. */
  private resume(broadcast: Broadcast, isLast: boolean, clock: Clock, end: number): boolean {
    const { channels } = broadcast;
    while (broadcast.next < channels.length) {
      const from = broadcast.next;
      const to = Math.min(from + BATCH_MEMBERS, channels.length);
      broadcast.next = to;
      this.writeBatch(broadcast, from, to, isLast);
      if (to < channels.length && clock.now() >= end) return false;
    }
    return true;
  }

  private writeBatch(broadcast: Broadcast, from: number, to: number, isLast: boolean): void {
    const { channels, operation, future } = broadcast;
    const futures: WriteFuture[] = [];
    for (let i = from; i < to; i++) futures.push(attempt(operation, channels[i]!));
    // Read after the writes, because a write might have flushed the group.
    const mayFlush = broadcast.flush || broadcast.number <= this.lastFlushed;
    for (let i = from; mayFlush && i < to; i++) {
      const channel = channels[i]!;
      if (!this.isFollowedByFlush(broadcast, channel)) continue;
      if (isLast) this.flushNow(channel);
      else this.flushLater(channel);
    }
    for (const one of futures) future.add(one);
  }

  private isFollowedByFlush({ flush, number }: Broadcast, channel: Channel): boolean {
    return flush || number <= (this.flushedThrough.get(channel) ?? 0);
  }

  /** Flushes a member directly after its write, for the last broadcast. */
  private flushNow(channel: Channel): void {
    // Most broadcasts find no member here. A look-up of each member would cost a tenth of the write.
    if (this.unflushed.size > 0) this.unflushed.delete(channel);
    channel.flush();
  }

  /** Leaves the flush of a member to a later broadcast. */
  private flushLater(channel: Channel): void {
    if (this.unflushed.size === 0) {
      this.unflushedSince = channel.clock.now();
      this.doneSince = 0;
    }
    this.unflushed.add(channel);
  }

  private isFlushDue(clock: Clock): boolean {
    if (this.unflushed.size === 0) return false;
    if (this.waiting.length === 0) return true;
    if (this.doneSince < FLUSH_AFTER_BROADCASTS) return false;
    return clock.now() - this.unflushedSince >= FLUSH_AFTER_MS;
  }

  /** Carries out delayed flushes. Returns true if none is left. */
  private flushUntil(clock: Clock, end: number): boolean {
    let count = 0;
    for (const channel of this.unflushed) {
      this.unflushed.delete(channel);
      channel.flush();
      count += 1;
      if (count % BATCH_MEMBERS === 0 && clock.now() >= end) break;
    }
    return this.unflushed.size === 0;
  }
}

function isSame(some: readonly Channel[], others: readonly Channel[]): boolean {
  if (some === others) return true;
  return some.length === others.length && some.every((channel, i) => channel === others[i]);
}

/**
 * Converts an error that the write of one member throws, for example in the function of a coalescing key, to a failure of that
 * member.
 */
function attempt(operation: Operation, channel: Channel): WriteFuture {
  try {
    return operation(channel);
  } catch (thrown) {
    return SettableFuture.failed(toError(thrown));
  }
}
