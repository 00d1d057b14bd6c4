import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { Fifo } from '@headrace/core/authoring';
import { AgingMap } from '../time/aging-map.ts';
import { KeyedEntries } from './keyed-entries.ts';
import type { LogPosition } from './log.ts';
import { DUPLICATE_WINDOW_MS, MAX_IDS, MAX_PAGE_BYTES } from './memory-stream.ts';
import {
  COPY_PAGE_BYTES,
  COPY_PAGE_LEAST_BYTES,
  entryBytes,
  idBytes,
  type KnownId,
  type StateCopyPage,
} from './state-copy.ts';
import type { StateAnswer, StateEntry, StateLimits, StatePage, StateWrite } from './state-log.ts';
import { isConflict, refusalOf } from './state-rules.ts';

/** A change with its time. */
interface Stored extends Omit<StateEntry, 'ageMs'> {
  readonly at: number;
}

/** Maximum number of removals beyond the limit that are remembered for copies that are read. */
const MAX_KEPT_REMOVALS = 10_000;

/** The state of one state group in memory. It ends with the process, unless another process has a copy. */
export class MemoryState {
  private epochNow: string;
  /** The epoch that the present one continues, with its last offset here. */
  private epochBefore: LogPosition | undefined = undefined;
  private entries = new KeyedEntries<Stored>();
  private removals = new Fifo<Stored>();
  private last = 0;
  /** The offset of the next change, which is higher than the last one by more than 1 only when an epoch begins. */
  private next = 1;
  private changeCount = 0;
  private floor = 0;
  /** Removals after this offset are remembered, although they are too many or too old. */
  private keptAfter = Number.POSITIVE_INFINITY;
  /** The number and the size of the keys that are not removed. */
  private readonly counts = { keys: 0, bytes: 0 };
  /** The offsets of the known ids. */
  private readonly ids = new AgingMap<number>(DUPLICATE_WINDOW_MS, MAX_IDS);
  private readonly followers = new Set<(entry: StateEntry) => void>();

  constructor(epoch: string = randomUUID()) {
    this.epochNow = epoch;
  }

  get epoch(): string {
    return this.epochNow;
  }

  /** The offset of the newest change, or 0. */
  get lastOffset(): number {
    return this.last;
  }

  /** The number of changes that were ever stored, in this epoch and in those that it continues. */
  get changes(): number {
    return this.changeCount;
  }

  /** The highest offset of a removal that is not remembered, or 0. */
  get forgotten(): number {
    return this.floor;
  }

  /** @param limits - the limits of the node that asks for the change */
  append(id: string, write: StateWrite, limits: StateLimits, now: number): StateAnswer {
    this.forget(limits, now);
    const { epoch } = this;
    const seen = this.ids.get(id);
    if (seen !== undefined) return { position: { epoch, offset: seen } };
    const { key, isRemoval } = write;
    const known = this.entries.get(key);
    const current = known?.isRemoval === true ? undefined : known;
    if (isConflict(write, current?.position.offset ?? 0)) {
      return { conflict: current === undefined ? null : entryOf(current, now) };
    }
    const refusal = refusalOf(write, limits, this.counts, current && sizeOf(current));
    if (refusal !== undefined) return refusal;
    const previous = this.last;
    const position = { epoch, offset: this.next };
    const bytes = Buffer.from(write.bytes);
    const entry: Stored = { position, previous, id, key, isRemoval, bytes, at: now };
    this.changeCount += 1;
    this.ids.set(id, position.offset, now);
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

  // --- copies ---

  /** Returns true if a copy of an epoch up to an offset has only what this state has, too. Then the copy can be continued. */
  continues(epoch: string, offset: number): boolean {
    if (epoch === this.epoch) return offset <= this.last;
    const { epochBefore } = this;
    return epochBefore?.epoch === epoch && offset <= epochBefore.offset;
  }

  /** Remembers the removals after an offset for a copy that is read meanwhile, and later with `Infinity` no more than the limits say. */
  keepRemovals(after: number): void {
    this.keptAfter = after;
  }

  /** Returns the entries after an offset, and the ids of the changes after it, as far as they fit into one page. */
  copyAfter(after: number, now: number): StateCopyPage {
    this.ids.forget(now);
    const { epoch, last, floor, changes } = this;
    const entries: StateEntry[] = [];
    let end = last;
    let bytes = 0;
    this.entries.eachAfter(after, (entry) => {
      bytes += entryBytes(entry) + entry.bytes.byteLength;
      if (entries.length > 0 && bytes > COPY_PAGE_BYTES) {
        end = entries.at(-1)!.position.offset;
        return false;
      }
      entries.push(entryOf(entry, now));
      return true;
    });
    const ids: KnownId[] = [];
    let room = Math.max(COPY_PAGE_LEAST_BYTES, COPY_PAGE_BYTES - bytes);
    for (const [id, offset, at] of this.ids) {
      if (offset <= after) continue;
      if (offset > end) break;
      room -= idBytes(id);
      if (ids.length > 0 && room < 0) {
        end = ids.at(-1)!.offset;
        break;
      }
      ids.push({ id, offset, ageMs: now - at });
    }
    const fitting = entries.filter(({ position }) => position.offset <= end);
    return { epoch, entries: fitting, ids, end, last, floor, changes };
  }

  /** Takes a page of another process. The state is a copy when the page with `end` equal to `last` was taken. */
  takePage({ entries, ids, end, last, floor, changes }: StateCopyPage, now: number): void {
    for (const { id, offset, ageMs } of ids) this.ids.set(id, offset, now - ageMs);
    for (const entry of entries) this.put(storedOf(entry, now));
    this.reach(end, floor);
    if (end === last) this.changeCount = changes;
  }

  /** Takes the next change of the state that this is a copy of, which has forgotten the removals up to `floor`. */
  take(entry: StateEntry, floor: number, now: number): void {
    this.changeCount += 1;
    this.ids.set(entry.id, entry.position.offset, now);
    this.put(storedOf(entry, now));
    this.reach(entry.position.offset, floor);
  }

  /** Gives the state another epoch, whose first change has an offset that is higher by `skipped` than it would be. */
  begin(epoch: string, skipped: number): void {
    const { entries } = this;
    this.epochBefore = { epoch: this.epochNow, offset: this.last };
    this.epochNow = epoch;
    this.next += skipped;
    this.entries = new KeyedEntries();
    this.removals = new Fifo();
    entries.eachAfter(0, (entry) => {
      const { offset } = entry.position;
      const own = { ...entry, position: { epoch, offset } };
      this.entries.set(own);
      if (own.isRemoval) this.removals.push(own);
      return true;
    });
  }

  private put(entry: Stored): void {
    const known = this.entries.get(entry.key);
    this.last = entry.position.offset;
    this.next = this.last + 1;
    this.count(known?.isRemoval === true ? undefined : known, -1);
    this.count(entry, 1);
    this.entries.set(entry);
    if (entry.isRemoval) this.removals.push(entry);
  }

  private reach(last: number, floor: number): void {
    this.last = last;
    this.next = last + 1;
    this.floor = floor;
    const { removals } = this;
    for (let oldest = removals.peek(); oldest; oldest = removals.peek()) {
      // The floor need not come to a removal that was replaced.
      const isRemembered = this.entries.get(oldest.key) === oldest;
      if (isRemembered && oldest.position.offset > floor) return;
      removals.shift();
      this.entries.forget(oldest);
    }
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
      const isKept = oldest.position.offset > this.keptAfter;
      if (isKept && removals.size <= most + MAX_KEPT_REMOVALS) return;
      removals.shift();
      if (this.entries.forget(oldest)) this.floor = oldest.position.offset;
    }
  }
}

function entryOf({ at, ...entry }: Stored, now: number): StateEntry {
  return { ...entry, ageMs: now - at };
}

function storedOf({ ageMs, ...entry }: StateEntry, now: number): Stored {
  return { ...entry, bytes: Buffer.from(entry.bytes), at: now - ageMs };
}

/** Returns the size of an entry as {@link StateWrite} counts it. */
export function sizeOf({ key, bytes }: Pick<StateEntry, 'key' | 'bytes'>): number {
  return Buffer.byteLength(key) + bytes.byteLength;
}
