import type { Clock } from '@headrace/core';
import type { StateLimits, StateRefusal, StateWrite } from '../contract/state-log.ts';
import { refusalOf, type StateCounts } from '../contract/state-rules.ts';
import type { NatsStateReader, StateEnd } from './nats-state-reader.ts';

/** Time for which the size of the stream, or a count of its messages, is good enough to accept a change. */
const VALID_MS = 10_000;
/** A count is good enough to refuse a change for a time that grows with its costs: this number of messages for a millisecond. */
const COUNTED_IN_MS = 20;
/** A node uses this share of the room that is left before it asks again, because other nodes use the same room. */
const ROOM_SHARE = 32;
/** This share of the `max_bytes` of the stream is left for removals, and for values that replace others. */
const RESERVE_SHARE = 16;
/** Size of a message in the stream, besides its key and its bytes. */
const MESSAGE_BYTES = 256;

const NOTHING: StateCounts = { keys: 0, bytes: 0 };

interface Counted extends StateCounts {
  readonly at: number;
  readonly end: StateEnd;
}

/**
 * The size of a state, as far as one node needs it for its limits. All messages of the stream, with those of other states, are an
 * upper bound of the keys and bytes. Only near a limit, the node counts what they are.
 *
 * Nodes that write at the same time do not see each other. So a node that has looked at the size adds at most one change, or a
 * {@link ROOM_SHARE} of the room that it has seen, before it looks again. N nodes together exceed a limit by at most what N - 1 nodes
 * may add.
 */
export class StateSize {
  private readonly reader: NatsStateReader;
  private readonly clock: Clock;
  private end: StateEnd | undefined = undefined;
  private askedAt = 0;
  private counted: Counted | undefined = undefined;
  /** What this node has sent since it looked, and may have sent before it looks again. */
  private own = NOTHING;
  private most = NOTHING;
  private readonly flying = new Set<Promise<unknown>>();
  private looking: Promise<void> | undefined = undefined;

  constructor(reader: NatsStateReader, clock: Clock) {
    this.reader = reader;
    this.clock = clock;
  }

  /** Notes the end of the stream, of which the counts are. */
  saw(end: StateEnd): void {
    this.end = end;
    this.askedAt = this.clock.now();
  }

  /** Called when the limits change. The next change that needs room looks at the stream. */
  forgetRoom(): void {
    this.most = NOTHING;
  }

  /** Looks at the stream if a change that adds keys and bytes has no room, or the last look is too old. */
  async prepare(limits: StateLimits, first: StateCounts): Promise<void> {
    if (this.hasRoom(first) && this.clock.now() - this.askedAt <= VALID_MS) return;
    this.looking ??= this.look(limits, first).finally(() => {
      this.looking = undefined;
    });
    await this.looking;
  }

  /** Whether {@link refusalOf} is right about a change. Another change can have used its room since it was prepared. */
  hasRoom({ keys, bytes }: StateCounts): boolean {
    if (keys <= 0 && bytes <= 0) return true;
    // What is sent during a look can be in no count, or in two.
    if (this.looking !== undefined) return false;
    const { own, most } = this;
    return own.keys + keys <= most.keys && own.bytes + bytes <= most.bytes;
  }

  refusalOf(
    write: StateWrite,
    limits: StateLimits,
    present: number | undefined,
  ): StateRefusal | undefined {
    const { isRemoval, byteLength } = write;
    const more = byteLength - (present ?? -MESSAGE_BYTES);
    const isOver = !isRemoval && more > 0 && this.upper.bytes + more > this.storeMost;
    const refusal =
      refusalOf(write, limits, this.counts, present) ??
      (isOver ? this.storeRefusal(byteLength) : undefined);
    // Another node can make room at any time.
    if (refusal !== undefined) this.askedAt = Number.NEGATIVE_INFINITY;
    return refusal;
  }

  /** The answer for a change for which the stream has no room. */
  storeRefusal(byteLength: number): StateRefusal {
    const { bytes = 0, maxBytes = 0 } = this.end ?? {};
    return { full: 'store', size: bytes + byteLength, most: maxBytes };
  }

  /** Notes a change that this node sends, or with -1, that was not stored. */
  sent({ keys, bytes }: StateCounts, count = 1): void {
    this.own = { keys: this.own.keys + count * keys, bytes: this.own.bytes + count * bytes };
  }

  /** Notes that changes are sent together. @param answers - resolves with their answers */
  fly(answers: Promise<unknown>): void {
    this.flying.add(answers);
    void answers.then(() => this.flying.delete(answers));
  }

  private async look(limits: StateLimits, first: StateCounts): Promise<void> {
    await Promise.all(this.flying);
    this.saw(await this.reader.end());
    this.own = NOTHING;
    await this.count(limits, first);
    const share = this.shareOf(limits);
    this.most = {
      keys: Math.max(first.keys, share.keys),
      bytes: Math.max(first.bytes, share.bytes),
    };
  }

  /** Counts the keys, if the upper bound of them does not fit, and an earlier count is too old. */
  private async count(limits: StateLimits, first: StateCounts): Promise<void> {
    const { clock, counted } = this;
    const fits = ({ keys, bytes }: StateCounts) =>
      keys + first.keys <= limits.keys &&
      bytes + first.bytes <= Math.min(limits.bytes, this.storeMost);
    if (fits(this.upper)) {
      this.counted = undefined;
      return;
    }
    const { last } = this.end!;
    const validMs = fits(this.counts) ? VALID_MS : Math.floor((counted?.keys ?? 0) / COUNTED_IN_MS);
    const isValid = counted !== undefined && clock.now() - counted.at < validMs;
    if (isValid || counted?.end.last === last) return;
    const now = await this.reader.counted(this.end!);
    this.counted = { ...now, at: clock.now() };
    this.end = now.end;
  }

  private shareOf(limits: StateLimits): StateCounts {
    const { keys, bytes } = this.counts;
    const room = Math.min(limits.bytes - bytes, this.storeMost - this.upper.bytes);
    return {
      keys: Math.floor((limits.keys - keys) / ROOM_SHARE),
      bytes: Math.floor(room / ROOM_SHARE),
    };
  }

  private get upper(): StateCounts {
    const { end, own } = this;
    return { keys: end!.messages + own.keys, bytes: end!.bytes + own.bytes };
  }

  private get counts(): StateCounts {
    const { counted, upper } = this;
    if (counted === undefined) return upper;
    const { end } = counted;
    return {
      keys: upper.keys - end.messages + counted.keys,
      bytes: upper.bytes - end.bytes + counted.bytes,
    };
  }

  /** The size of the stream up to which the state may grow. */
  private get storeMost(): number {
    const { maxBytes } = this.end!;
    return maxBytes > 0 ? maxBytes * (1 - 1 / RESERVE_SHARE) : Number.POSITIVE_INFINITY;
  }
}
