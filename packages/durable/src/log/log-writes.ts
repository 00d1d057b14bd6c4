import type { Buffer } from 'node:buffer';
import { ChannelError, type ChannelMatcher, type GroupOutcome, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { LogPosition } from '@headrace/store';
import { MAX_WAITING, WAS_LEFT } from '../durable-errors.ts';
import type { RoomFeed } from '../feed/room-feed.ts';
import type { DurableOutcome } from './durable-outcome.ts';
import type { Room } from './room.ts';

/** A message of this node that has not come back from the log. */
export interface PendingWrite {
  readonly id: string;
  readonly bytes: Buffer;
  /** More than one outcome if the message was written again meanwhile. */
  readonly outcomes: DurableOutcome[];
  /** The matcher for members of this node. */
  matcher: ChannelMatcher | undefined;
  position: LogPosition | undefined;
  /** The time at which the message was stored. */
  storedAt: number;
  /** Whether another entry is stored under the id of the message. */
  isTaken: boolean;
}

/** Limit of the bytes that wait for the log. */
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
const STORED_WITHIN_MS = 5000;
/** Maximum time that a stored message holds the reads of its sender, even if it never comes back. */
const BACK_WITHIN_MS = 5000;

/** The writes of this node to one log, until they are stored and have come back. */
export class LogWrites {
  private readonly room: Room;
  private readonly feed: RoomFeed;
  private readonly settled: () => void;
  /** The writes by id. */
  private readonly pending = new Map<string, PendingWrite>();
  private pendingBytes = 0;
  /** The outcomes of all writes. A message that is written again under its id adds one. */
  private outcomes = 0;
  /** Writes before the start of the members is known. Each expires. */
  private readonly early = new Map<PendingWrite, Timer>();
  /** One timer for the oldest stored write. */
  private overdue: Timer | undefined = undefined;
  private storedCount = 0;
  private failedCount = 0;

  /** @param settled - a function that is called when nothing may be under way any more */
  constructor(room: Room, feed: RoomFeed, settled: () => void) {
    this.room = room;
    this.feed = feed;
    this.settled = settled;
  }

  /** The number of writes that are not stored and delivered on this node yet. */
  get size(): number {
    return this.pending.size;
  }

  get stored(): number {
    return this.storedCount;
  }

  get failed(): number {
    return this.failedCount;
  }

  /** Returns the undelivered write with this id. */
  pendingWrite(id: string): PendingWrite | undefined {
    return this.pending.get(id);
  }

  /** @returns the outcome from the arguments */
  write(
    id: string,
    bytes: Buffer,
    outcome: DurableOutcome,
    matcher: ChannelMatcher | undefined,
  ): DurableOutcome {
    const known = this.pending.get(id);
    const refusal = known === undefined ? this.refusal(bytes) : this.fullError(0);
    if (refusal !== undefined) return this.refuse(outcome, refusal);
    this.outcomes += 1;
    if (known !== undefined) {
      known.outcomes.push(outcome);
      known.matcher = both(known.matcher, matcher);
      if (known.position !== undefined) {
        outcome.settle(known.position);
        this.watchOverdue(BACK_WITHIN_MS);
      }
      return outcome;
    }
    const { feed } = this;
    const write: PendingWrite = {
      id,
      bytes,
      outcomes: [outcome],
      matcher,
      position: undefined,
      storedAt: 0,
      isTaken: false,
    };
    this.pending.set(id, write);
    this.pendingBytes += bytes.byteLength;
    if (feed.isStarted && feed.at === undefined) this.keepEarly(write);
    else this.append(write);
    return outcome;
  }

  /** Fails a write that is not stored. */
  refuse(outcome: DurableOutcome, error: Error): DurableOutcome {
    this.failedCount += 1;
    outcome.fail(error);
    return outcome;
  }

  /** Called when the entry came back and was written to the members of this node. */
  delivered(write: PendingWrite, outcome: GroupOutcome | undefined): void {
    this.begun(write, outcome);
    this.settled();
  }

  /** Fails a write, because an entry that no node made is stored under its id. */
  taken(write: PendingWrite): void {
    const { group } = this.room;
    const id = JSON.stringify(write.id);
    const text = `in the log of ${group} the id ${id} belongs to an entry that is not a message of this cluster`;
    write.isTaken = true;
    this.isNotStored(write, new ChannelError('GROUP_WRITE_FAILED', text, { group }));
  }

  /** Called when entries up to this position will not be delivered any more, and the start of the members is known. */
  passed(at: LogPosition): void {
    for (const write of [...this.pending.values()]) {
      if (write.position !== undefined && isPassed(write.position, at)) this.begun(write);
    }
    this.appendEarly();
    this.settled();
  }

  /** Called when no member of this node waits for entries. Open writes begin when they are stored. */
  readersLeft(): void {
    this.appendEarly();
    for (const write of [...this.pending.values()]) {
      if (write.position !== undefined) this.begun(write);
    }
    this.settled();
  }

  private refusal({ byteLength }: Buffer): ChannelError | undefined {
    return this.room.isLeft ? this.room.downError(WAS_LEFT) : this.fullError(byteLength);
  }

  private fullError(byteLength: number): ChannelError | undefined {
    const { outcomes, pendingBytes: bytes } = this;
    if (outcomes < MAX_WAITING && bytes + byteLength <= MAX_PENDING_BYTES) return undefined;
    const { group } = this.room;
    const text = `${outcomes} messages of ${bytes} bytes wait for the log of ${group} already`;
    return new ChannelError('OUTBOUND_FULL', text, { group });
  }

  private append(write: PendingWrite): void {
    this.room.append(write.id, write.bytes).then(
      (position) => this.isStored(write, position),
      (error: unknown) => this.isNotStored(write, toError(error)),
    );
  }

  private isStored(write: PendingWrite, position: LogPosition): void {
    const { feed } = this;
    const { at } = feed;
    // The position of a new log is known here before the log is read.
    const isDelivered = at?.epoch === position.epoch && position.offset <= at.offset;
    const isPending = this.pending.get(write.id) === write;
    if (isPending && !isDelivered && feed.isDoubtful) {
      void feed.caughtUp().then(() => this.isStored(write, position));
      return;
    }
    // The id was stored before.
    if (isPending && isDelivered && feed.isForeign(position)) this.taken(write);
    if (write.isTaken) return;
    this.storedCount += 1;
    write.position = position;
    for (const outcome of write.outcomes) outcome.settle(position);
    if (!isPending) return;
    if (!feed.isStarted || isDelivered) this.begun(write);
    else {
      feed.expect(position);
      write.storedAt = this.room.wire.host.clock.now();
      this.watchOverdue(BACK_WITHIN_MS);
    }
    this.settled();
  }

  private watchOverdue(delayMs: number): void {
    this.overdue ??= this.room.wire.host.clock.schedule(() => this.beginOverdue(), delayMs);
  }

  /** Begins overdue outcomes. The writes stay, because their matchers apply when the entries come back. */
  private beginOverdue(): void {
    this.overdue = undefined;
    const now = this.room.wire.host.clock.now();
    for (const { position, storedAt, outcomes } of [...this.pending.values()]) {
      if (position === undefined) continue;
      const leftMs = storedAt + BACK_WITHIN_MS - now;
      if (leftMs > 0) this.watchOverdue(leftMs);
      else for (const one of outcomes) one.begin(one.size);
    }
  }

  private isNotStored(write: PendingWrite, error: Error): void {
    this.failedCount += 1;
    this.begun(write);
    for (const outcome of write.outcomes) outcome.fail(error);
    this.settled();
  }

  /** Begins the outcomes of a write that was delivered, or never will be. */
  private begun(write: PendingWrite, outcome?: GroupOutcome | undefined): void {
    if (this.pending.get(write.id) !== write) return;
    this.pending.delete(write.id);
    this.outcomes -= write.outcomes.length;
    this.pendingBytes -= write.bytes.byteLength;
    const begin = () => {
      for (const one of write.outcomes) one.begin(outcome?.size ?? 0);
    };
    if (outcome === undefined) begin();
    else outcome.onceBegun(begin);
  }

  /**
   * Keeps a write until the start of the members is known, because members receive only messages written after they were added.
   */
  private keepEarly(write: PendingWrite): void {
    const expire = () => {
      this.early.delete(write);
      const text = `could not be read for ${STORED_WITHIN_MS} ms`;
      this.isNotStored(write, this.room.downError(text));
    };
    this.early.set(write, this.room.wire.host.clock.schedule(expire, STORED_WITHIN_MS));
  }

  private appendEarly(): void {
    const early = [...this.early];
    this.early.clear();
    for (const [write, timer] of early) {
      timer.cancel();
      this.append(write);
    }
  }
}

/** Returns true if a reader at this position has received the message, or never will. */
function isPassed(position: LogPosition, at: LogPosition): boolean {
  return position.epoch !== at.epoch || position.offset <= at.offset;
}

function both(
  one: ChannelMatcher | undefined,
  other: ChannelMatcher | undefined,
): ChannelMatcher | undefined {
  if (one === undefined) return other;
  if (other === undefined) return one;
  return (channel) => one(channel) && other(channel);
}
