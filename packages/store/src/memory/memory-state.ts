import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { Fifo } from '@headrace/core/authoring';
import { KeyedEntries } from '../contract/keyed-entries.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StatePage,
  StateWrite,
} from '../contract/state-log.ts';
import { isConflict, refusalOf } from '../contract/state-rules.ts';
import { MAX_PAGE_BYTES } from './memory-stream.ts';
import { newStart, type StreamStart } from './memory-streams.ts';

/** A change with its time. */
interface Stored extends Omit<StateEntry, 'ageMs'> {
  readonly at: number;
}

/** The state of one state group in memory. It ends with the process. */
export class MemoryState {
  readonly epoch: string;
  private readonly entries = new KeyedEntries<Stored>();
  private readonly removals = new Fifo<Stored>();
  private last: number;
  private floor: number;
  /** The number and the size of the keys that are not removed. */
  private readonly counts = { keys: 0, bytes: 0 };
  private readonly name: string;
  private readonly ids: StreamStart['ids'];
  private readonly followers = new Set<(entry: StateEntry) => void>();

  constructor(epoch: string = randomUUID(), { name, offset, ids } = newStart()) {
    this.name = name;
    this.epoch = epoch;
    this.last = offset;
    this.floor = offset;
    this.ids = ids;
  }

  /**
   * The highest offset of a state that nobody follows and that has no keys. Its removals tell nobody anything that an empty state
   * does not.
   */
  get emptyAt(): number | undefined {
    return this.counts.keys === 0 && this.followers.size === 0 ? this.last : undefined;
  }

  /** @param limits - the limits of the node that asks for the change */
  append(id: string, write: StateWrite, limits: StateLimits, now: number): StateAnswer {
    this.forget(limits, now);
    const { epoch } = this;
    const ownId = `${this.name} ${id}`;
    const seen = this.ids.get(ownId);
    if (seen !== undefined) return { position: seen };
    const { key, isRemoval } = write;
    const known = this.entries.get(key);
    const current = known?.isRemoval === true ? undefined : known;
    if (isConflict(write, current?.position.offset ?? 0)) {
      return { conflict: current === undefined ? null : entryOf(current, now) };
    }
    const refusal = refusalOf(write, limits, this.counts, current && sizeOf(current));
    if (refusal !== undefined) return refusal;
    const previous = this.last;
    const position = { epoch, offset: this.last + 1 };
    const bytes = Buffer.from(write.bytes);
    const entry: Stored = { position, previous, id, key, isRemoval, bytes, at: now };
    this.ids.set(ownId, position, now);
    this.put(entry);
    this.forget(limits, now);
    const copy = entryOf(entry, now);
    for (const follower of [...this.followers]) follower(copy);
    return { position };
  }

  /** @param limits - the limits of the node that reads */
  read(after: number, limit: number, limits: StateLimits, now: number): StatePage {
    this.forget(limits, now);
    const entries: StateEntry[] = [];
    let bytes = 0;
    let isWhole = true;
    this.entries.eachAfter(after, (entry) => {
      bytes += sizeOf(entry);
      isWhole = entries.length === 0 || (entries.length < limit && bytes <= MAX_PAGE_BYTES);
      if (isWhole) entries.push(entryOf(entry, now));
      return isWhole;
    });
    const { epoch, last, floor } = this;
    const end = isWhole ? last : entries.at(-1)!.position.offset;
    return { epoch, entries, end, last, floor };
  }

  get followerCount(): number {
    return this.followers.size;
  }

  follow(follower: (entry: StateEntry) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  private put(entry: Stored): void {
    const known = this.entries.get(entry.key);
    this.last = entry.position.offset;
    this.count(known?.isRemoval === true ? undefined : known, -1);
    this.count(entry, 1);
    this.entries.set(entry);
    if (entry.isRemoval) this.removals.push(entry);
  }

  private count(entry: Stored | undefined, sign: 1 | -1): void {
    if (entry === undefined || entry.isRemoval) return;
    this.counts.keys += sign;
    this.counts.bytes += sign * sizeOf(entry);
  }

  /** Forgets ids and removals that are too old or too many. */
  private forget({ removals: most, removalAgeMs }: StateLimits, now: number): void {
    this.ids.forget(now);
    const { removals } = this;
    for (let oldest = removals.peek(); oldest; oldest = removals.peek()) {
      if (removals.size <= most && now - oldest.at <= removalAgeMs) return;
      removals.shift();
      if (this.entries.forget(oldest)) this.floor = oldest.position.offset;
    }
  }
}

function entryOf({ at, ...entry }: Stored, now: number): StateEntry {
  return { ...entry, ageMs: now - at };
}

/** Returns the size of an entry as {@link StateWrite} counts it. */
export function sizeOf({ key, bytes }: Pick<StateEntry, 'key' | 'bytes'>): number {
  return Buffer.byteLength(key) + bytes.byteLength;
}
