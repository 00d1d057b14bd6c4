import type { Clock } from '@headrace/core';
import type { StateLimits, StateRefusal, StateWrite } from '../contract/state-log.ts';
import { refusalOf, type StateCounts } from '../contract/state-rules.ts';
import type { NatsStateReader, StateEnd } from './nats-state-reader.ts';

/** Time after which the size of the stream is asked for again, for a change that lets the state grow. */
const ASK_EACH_MS = 1000;
/** Time for which a count of all messages is good enough to accept a change. */
const COUNT_EACH_MS = 10_000;
/** A count is good enough to refuse a change for a time that grows with its costs. */
const COUNTED_IN_MS = 20;
/** A node uses this share of the room that is left before it asks again, because other nodes use the same room. */
const ROOM_SHARE = 16;
/** This share of the `max_bytes` of the stream is left for removals, and for values that replace others. */
const RESERVE_SHARE = 16;
/** Size of a message in the stream, besides its key and its bytes. */
const MESSAGE_BYTES = 256;

interface Counted extends StateCounts {
  readonly at: number;
  readonly end: StateEnd;
}

/**
 * The size of a state, as far as one node needs it for its limits. All messages of the stream are an upper bound of the keys and
 * bytes. Only near a limit, the node counts what they are. Nodes that write at the same time do not see each other, so a state can have
 * somewhat more than its limits.
 */
export class StateSize {
  private readonly reader: NatsStateReader;
  private readonly clock: Clock;
  private end: StateEnd | undefined = undefined;
  private askedAt = 0;
  private counted: Counted | undefined = undefined;
  /** What this node has added since it asked. */
  private own: StateCounts = { keys: 0, bytes: 0 };
  /** The changes that are sent, and have no answer yet. */
  private readonly flying = new Set<Promise<unknown>>();

  constructor(reader: NatsStateReader, clock: Clock) {
    this.reader = reader;
    this.clock = clock;
  }

  /** Notes the end of the stream, of which the counts are. */
  saw(end: StateEnd): void {
    this.end = end;
    this.askedAt = this.clock.now();
  }

  /**
   * Makes sure that {@link refusalOf} is right about changes that add keys and bytes, and resolves with how many: at least the first
   * change, and at most a share of the room, because other nodes use the same room.
   */
  async prepare(limits: StateLimits, first: StateCounts, all: StateCounts): Promise<StateCounts> {
    const { clock, own } = this;
    let added = this.allowed(limits, first, all);
    const fits = (has: StateCounts) =>
      (added.keys === 0 || has.keys + added.keys <= limits.keys) &&
      (added.bytes === 0 || has.bytes + added.bytes <= Math.min(limits.bytes, this.storeMost));
    const share = this.share(limits);
    if (own.keys > share.keys || own.bytes > share.bytes || !fits(this.counts)) {
      // A change under way is in no count yet, or in two.
      await Promise.all(this.flying);
      await this.ask();
      added = this.allowed(limits, first, all);
    } else if (clock.now() - this.askedAt >= ASK_EACH_MS) {
      this.askedAt = clock.now();
      void this.ask().catch(() => {
        // The next change asks again.
      });
    }
    if (fits(this.upper)) {
      this.counted = undefined;
      return added;
    }
    const { counted } = this;
    const { messages, last } = this.end!;
    const validMs = fits(this.counts) ? COUNT_EACH_MS : Math.floor(messages / COUNTED_IN_MS);
    const isValid = counted !== undefined && clock.now() - counted.at < validMs;
    if (!isValid && counted?.end.last !== last) {
      const counted = await this.reader.counted(this.end!);
      this.counted = { ...counted, at: clock.now() };
      this.end = counted.end;
      this.own = { keys: 0, bytes: 0 };
    }
    return added;
  }

  refusalOf(
    write: StateWrite,
    limits: StateLimits,
    present: number | undefined,
  ): StateRefusal | undefined {
    const refusal = refusalOf(write, limits, this.counts, present);
    const { isRemoval, byteLength } = write;
    const more = byteLength - (present ?? -MESSAGE_BYTES);
    if (refusal !== undefined || isRemoval || more <= 0) return refusal;
    return this.upper.bytes + more > this.storeMost ? this.storeRefusal(byteLength) : undefined;
  }

  /** The answer for a change for which the stream has no room. */
  storeRefusal(byteLength: number): StateRefusal {
    const { bytes = 0, maxBytes = 0 } = this.end ?? {};
    return { full: 'store', size: bytes + byteLength, most: maxBytes };
  }

  /** Notes a change that this node sends, or that was not stored. */
  add(keys: number, bytes: number): void {
    this.own = { keys: this.own.keys + keys, bytes: this.own.bytes + bytes };
  }

  /** Notes that changes are sent. @param answers - resolves with their answers */
  fly(answers: Promise<unknown>): void {
    this.flying.add(answers);
    void answers.then(() => this.flying.delete(answers));
  }

  private async ask(): Promise<void> {
    const { own } = this;
    this.saw(await this.reader.end());
    this.own = { keys: this.own.keys - own.keys, bytes: this.own.bytes - own.bytes };
  }

  private allowed(limits: StateLimits, first: StateCounts, all: StateCounts): StateCounts {
    const share = this.share(limits);
    return {
      keys: Math.min(all.keys, Math.max(first.keys, share.keys)),
      bytes: Math.min(all.bytes, Math.max(first.bytes, share.bytes)),
    };
  }

  private share(limits: StateLimits): StateCounts {
    const { keys, bytes } = this.counts;
    return {
      keys: (limits.keys - keys) / ROOM_SHARE,
      bytes: Math.min(limits.bytes - bytes, this.storeMost - this.upper.bytes) / ROOM_SHARE,
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
