import type { Buffer } from 'node:buffer';
import { ChannelError, type ChannelMatcher, type GroupOutcome, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { LogPosition } from '../log/log.ts';
import type { DurableOutcome } from './durable-outcome.ts';
import type { Room } from './room.ts';
import type { RoomFeed } from './room-feed.ts';

/** A message of this node that has not come back from the log. */
export interface PendingWrite {
  readonly id: string;
  readonly bytes: Buffer;
  /** More than one where it was written again meanwhile. */
  readonly outcomes: DurableOutcome[];
  /** The matcher for members here. */
  matcher: ChannelMatcher | undefined;
  position: LogPosition | undefined;
  /** When it was. */
  storedAt: number;
  /** Something else is stored under its id. */
  isTaken: boolean;
}

/** Limits of the writes that wait for the log. */
const MAX_PENDING = 16_384;
const MAX_PENDING_BYTES = 16 * 1024 * 1024;
const STORED_WITHIN_MS = 5000;
/** A stored message holds its sender's reads at most this long, even if it never comes back. */
const BACK_WITHIN_MS = 5000;

/** The writes of this node to one log, until they are stored and have come back. */
export class LogWrites {
  private readonly room: Room;
  private readonly feed: RoomFeed;
  private readonly settled: () => void;
  /** By id. */
  private readonly pending = new Map<string, PendingWrite>();
  private pendingBytes = 0;
  /** Written before it is known from where on the members here get everything; each expires. */
  private readonly early = new Map<PendingWrite, Timer>();
  /** One timer, for the oldest that is stored. */
  private overdue: Timer | undefined = undefined;
  private storedCount = 0;
  private failedCount = 0;

  /** @param settled - is called when there may be nothing under way any more */
  constructor(room: Room, feed: RoomFeed, settled: () => void) {
    this.room = room;
    this.feed = feed;
    this.settled = settled;
  }

  /** Not stored and delivered here yet. */
  get size(): number {
    return this.pending.size;
  }

  get stored(): number {
    return this.storedCount;
  }

  get failed(): number {
    return this.failedCount;
  }

  /** The write under this id that has not been delivered. */
  pendingWrite(id: string): PendingWrite | undefined {
    return this.pending.get(id);
  }

  /** @returns the outcome that was given */
  write(
    id: string,
    bytes: Buffer,
    outcome: DurableOutcome,
    matcher: ChannelMatcher | undefined,
  ): DurableOutcome {
    const known = this.pending.get(id);
    if (known !== undefined) {
      known.outcomes.push(outcome);
      known.matcher = both(known.matcher, matcher);
      if (known.position !== undefined) {
        outcome.settle(known.position);
        this.watchOverdue(BACK_WITHIN_MS);
      }
      return outcome;
    }
    const refusal = this.refusal(bytes);
    if (refusal !== undefined) {
      this.failedCount += 1;
      outcome.fail(refusal);
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

  /** The entry came back, and was written to the members here. */
  delivered(write: PendingWrite, outcome: GroupOutcome | undefined): void {
    this.begun(write, outcome);
    this.settled();
  }

  /** The entry under its id is of no node of the cluster: nothing else is stored under it. */
  taken(write: PendingWrite): void {
    const { group } = this.room;
    const id = JSON.stringify(write.id);
    const text = `in the log of ${group} the id ${id} is taken by what is not a message of this cluster`;
    write.isTaken = true;
    this.isNotStored(write, new ChannelError('GROUP_WRITE_FAILED', text, { group }));
  }

  /** Entries up to here will not be delivered any more, and the start of the members here is known. */
  passed(at: LogPosition): void {
    for (const write of [...this.pending.values()]) {
      if (write.position !== undefined && isPassed(write.position, at)) this.begun(write);
    }
    this.appendEarly();
    this.settled();
  }

  /** No member here waits for entries. Writes that are not stored yet begin when they are. */
  readersLeft(): void {
    this.appendEarly();
    for (const write of [...this.pending.values()]) {
      if (write.position !== undefined) this.begun(write);
    }
    this.settled();
  }

  private refusal({ byteLength }: Buffer): ChannelError | undefined {
    if (this.room.isLeft) return this.room.downError('the cluster was left');
    const { size, pendingBytes: bytes } = this;
    if (size < MAX_PENDING && bytes + byteLength <= MAX_PENDING_BYTES) return undefined;
    const { group } = this.room;
    const text = `${size} messages of ${bytes} bytes wait for the log of ${group} already`;
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
    // A log that is new is known here before it is read.
    const isDelivered = at?.epoch === position.epoch && position.offset <= at.offset;
    const isPending = this.pending.get(write.id) === write;
    if (isPending && !isDelivered && feed.isDoubtful) {
      void feed.caughtUp().then(() => this.isStored(write, position));
      return;
    }
    // The id was there already.
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

  /** Waiting writes stay: when their entries come back, their matchers hold. */
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

  /** The write was delivered, or will not be: its outcomes begin. */
  private begun(write: PendingWrite, outcome?: GroupOutcome | undefined): void {
    if (this.pending.get(write.id) !== write) return;
    this.pending.delete(write.id);
    this.pendingBytes -= write.bytes.byteLength;
    const begin = () => {
      for (const one of write.outcomes) one.begin(outcome?.size ?? 0);
    };
    if (outcome === undefined) begin();
    else outcome.onceBegun(begin);
  }

  /** Members get what is written after they were added: it is stored once it is known where they begin. */
  private keepEarly(write: PendingWrite): void {
    const expire = () => {
      this.early.delete(write);
      const text = `it could not be read for ${STORED_WITHIN_MS} ms`;
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

/** True if a reader at this place has had the message of the position, or never gets it. */
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
