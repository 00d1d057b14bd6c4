import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { Fifo } from '@headrace/core/authoring';
import { AgingMap } from '../time/aging-map.ts';
import { KeyedEntries } from './keyed-entries.ts';
import { DUPLICATE_WINDOW_MS, MAX_IDS, MAX_PAGE_BYTES } from './memory-stream.ts';
import type { StateAnswer, StateEntry, StateLimits, StatePage, StateWrite } from './state-log.ts';

/** A change with its time. */
interface Stored extends Omit<StateEntry, 'ageMs'> {
  readonly at: number;
}

/** The state of one state group in memory. Its epoch ends with the process. */
export class MemoryState {
  private readonly epoch: string;
  private limits: StateLimits = {
    keys: Number.POSITIVE_INFINITY,
    bytes: Number.POSITIVE_INFINITY,
    removals: Number.POSITIVE_INFINITY,
    removalAgeMs: Number.POSITIVE_INFINITY,
  };
  private readonly entries = new KeyedEntries<Stored>();
  private readonly removals = new Fifo<Stored>();
  private last = 0;
  private floor = 0;
  /** The number and the size of the keys that are not removed. */
  private keys = 0;
  private bytes = 0;
  /** The offsets of the known ids. */
  private readonly ids = new AgingMap<number>(DUPLICATE_WINDOW_MS, MAX_IDS);
  private readonly followers = new Set<(entry: StateEntry) => void>();

  constructor(epoch: string = randomUUID()) {
    this.epoch = epoch;
  }

  limit(limits: StateLimits): void {
    this.limits = limits;
  }

  append(id: string, write: StateWrite, now: number): StateAnswer {
    this.forget(now);
    const { epoch } = this;
    const seen = this.ids.get(id);
    if (seen !== undefined) return { position: { epoch, offset: seen } };
    const { key, isRemoval, expected } = write;
    const known = this.entries.get(key);
    const current = known?.isRemoval === true ? undefined : known;
    const isOther = expected !== undefined && expected !== (current?.position.offset ?? 0);
    if (isOther || (isRemoval && current === undefined)) {
      return { conflict: current === undefined ? null : entryOf(current, now) };
    }
    const full = this.refusal(write, current);
    if (full !== undefined) return { full };
    const previous = this.last;
    this.last += 1;
    const position = { epoch, offset: this.last };
    const bytes = Buffer.from(write.bytes);
    const entry: Stored = { position, previous, id, key, isRemoval, bytes, at: now };
    this.ids.set(id, this.last, now);
    this.count(current, -1);
    this.count(entry, 1);
    this.entries.set(entry);
    if (isRemoval) this.removals.push(entry);
    this.forget(now);
    const copy = entryOf(entry, now);
    for (const follower of [...this.followers]) follower(copy);
    return { position };
  }

  read(after: number, limit: number, now: number): StatePage {
    this.forget(now);
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

  /** The number of entries, with the removals that are remembered. */
  get size(): number {
    return this.entries.size;
  }

  get followerCount(): number {
    return this.followers.size;
  }

  follow(follower: (entry: StateEntry) => void): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  private refusal(
    { byteLength, isRemoval }: StateWrite,
    current: Stored | undefined,
  ): 'keys' | 'bytes' | undefined {
    if (isRemoval) return undefined;
    const { keys, bytes } = this.limits;
    if (current === undefined && this.keys >= keys) return 'keys';
    const more = byteLength - (current === undefined ? 0 : sizeOf(current));
    // A state whose limits were lowered can always become smaller.
    return more > 0 && this.bytes + more > bytes ? 'bytes' : undefined;
  }

  private count(entry: Stored | undefined, sign: 1 | -1): void {
    if (entry === undefined || entry.isRemoval) return;
    this.keys += sign;
    this.bytes += sign * sizeOf(entry);
  }

  /** Forgets ids and removals that are too old or too many. */
  private forget(now: number): void {
    this.ids.forget(now);
    const { removals } = this;
    const { removals: most, removalAgeMs } = this.limits;
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
