import { Buffer } from 'node:buffer';
import type { KnownId, StateCopyPage } from '../../log/state-copy.ts';
import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StatePage,
  StateWrite,
} from '../../log/state-log.ts';
import { CallReader } from '../process/relay-frame.ts';

/**
 * What two nodes say about states. A frame is u32 length, a list of fields as JSON, and the bytes of its entries. The first field is
 * one of these, and the next one of a call its number. See `MeshStates` for the roles.
 */
export const OP = {
  /** Calls, which are answered with `answer` or `refused`. */
  change: 1,
  read: 2,
  /** Reads the newest offset, as an entry that nobody takes for a change. */
  newest: 3,
  /** Asks a node to become the keeper. */
  keep: 4,
  /** Asks for the promise not to help another node to become the keeper, and for the rank of the copy. */
  prepare: 5,
  copy: 6,
  answer: 10,
  refused: 11,
  /** A node does not become the keeper. Its promises end. */
  release: 12,
  /** The sender is the keeper. */
  claim: 13,
  /** The sender is the keeper no more. */
  unclaim: 14,
  /** The sender has a copy with more changes than this keeper, or sees a keeper with a higher rank. */
  better: 15,
  /** Answers a claim: the sender has a copy. */
  holds: 16,
  /** The keeper makes a node hold a copy, or drop it. */
  hold: 17,
  drop: 18,
  /** The keeper sends a change to a node that holds a copy, which answers with the offset. */
  copied: 19,
  held: 20,
} as const;

/** How much a state contains. The state with the higher rank stays. */
export interface StateRank {
  readonly epoch: string;
  /** The number of changes that were ever stored. */
  readonly changes: number;
}

/** Returns true if a state stays, and another one does not. */
export function isHigher(rank: StateRank, other: StateRank | undefined): boolean {
  if (other === undefined) return true;
  if (rank.changes !== other.changes) return rank.changes > other.changes;
  return rank.epoch > other.epoch;
}

/** Returns the bytes of a frame. */
export function stateBytes(fields: readonly unknown[], values: readonly Buffer[] = []): Buffer {
  const text = Buffer.from(JSON.stringify(fields));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(text.byteLength);
  return Buffer.concat([length, text, ...values]);
}

/** Reads the fields of a frame. All methods throw for a frame of another version. */
export class StateFields extends CallReader {
  private rest: Buffer;

  constructor(frame: Buffer) {
    const end = 4 + frame.readUInt32BE(0);
    const fields: unknown = JSON.parse(frame.toString('utf8', 4, end));
    if (!Array.isArray(fields)) throw new TypeError('expected a list of fields');
    super(fields as readonly unknown[]);
    this.rest = frame.subarray(end);
  }

  /** Reads an offset, or a number of something. */
  count(): number {
    const count = this.number();
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`${count} is not a count`);
    return count;
  }

  flag(): boolean {
    return this.count() === 1;
  }

  /** Reads a value. It is a copy, because a part of a frame would keep the whole frame in memory. */
  bytes(): Buffer {
    const length = this.count();
    if (length > this.rest.byteLength) throw new RangeError('a value that was cut');
    const bytes = Buffer.from(this.rest.subarray(0, length));
    this.rest = this.rest.subarray(length);
    return bytes;
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.length() }, read);
  }

  rank(): StateRank {
    return { epoch: this.text(), changes: this.count() };
  }

  limits(): StateLimits {
    const limit = (): number => (this.none() ? Number.POSITIVE_INFINITY : this.number());
    return { keys: limit(), bytes: limit(), removals: limit(), removalAgeMs: limit() };
  }

  write(): StateWrite {
    const key = this.text();
    const isRemoval = this.flag();
    const expected = this.none() ? undefined : this.count();
    const bytes = this.bytes();
    return {
      key,
      bytes,
      isRemoval,
      expected,
      byteLength: Buffer.byteLength(key) + bytes.byteLength,
    };
  }

  entry(epoch: string): StateEntry {
    return {
      position: { epoch, offset: this.count() },
      previous: this.count(),
      id: this.text(),
      key: this.text(),
      isRemoval: this.flag(),
      ageMs: this.number(),
      bytes: this.bytes(),
    };
  }

  entryOrNone(): StateEntry | undefined {
    return this.none() ? undefined : this.entry(this.text());
  }

  page(): StatePage {
    const epoch = this.text();
    const [end, last, floor] = [this.count(), this.count(), this.count()];
    return { epoch, end, last, floor, entries: this.list(() => this.entry(epoch)) };
  }

  copyPage(): StateCopyPage {
    const page = this.page();
    const changes = this.count();
    const ids = this.list((): KnownId => {
      return { id: this.text(), offset: this.count(), ageMs: this.number() };
    });
    return { ...page, changes, ids };
  }

  answer(): StateAnswer {
    const what = this.text();
    if (what === 'stored') return { position: { epoch: this.text(), offset: this.count() } };
    if (what === 'conflict') return { conflict: this.entryOrNone() ?? null };
    if (what === 'keys' || what === 'bytes') return { full: what, size: this.count() };
    throw new TypeError(`an answer ${what}`);
  }

  /** The length of a list, which is at most the number of fields. */
  private length(): number {
    const length = this.count();
    if (length > this.left) throw new RangeError('a list that was cut');
    return length;
  }
}

/** Reads something that another node has said. Returns undefined if the node runs another version. */
export function readOf<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Fields of a frame, with the bytes that belong to them. */
export interface Written {
  readonly fields: readonly unknown[];
  readonly values: readonly Buffer[];
}

export function writtenLimits({ keys, bytes, removals, removalAgeMs }: StateLimits): unknown[] {
  // JSON has no Infinity, and makes null of it.
  return [keys, bytes, removals, removalAgeMs];
}

export function writtenWrite({ key, bytes, isRemoval, expected }: StateWrite): Written {
  const fields = [key, isRemoval ? 1 : 0, expected ?? null, bytes.byteLength];
  return { fields, values: [bytes] };
}

/** Writes an entry without its epoch. */
function entryFields({ position, previous, id, key, isRemoval, ageMs, bytes }: StateEntry) {
  return [position.offset, previous, id, key, isRemoval ? 1 : 0, ageMs, bytes.byteLength];
}

export function writtenEntry(entry: StateEntry): Written {
  return { fields: entryFields(entry), values: [entry.bytes] };
}

export function writtenEntryOrNone(entry: StateEntry | undefined): Written {
  if (entry === undefined) return { fields: [null], values: [] };
  return { fields: [entry.position.epoch, ...entryFields(entry)], values: [entry.bytes] };
}

export function writtenPage({ epoch, end, last, floor, entries }: StatePage): Written {
  const fields = [epoch, end, last, floor, entries.length, ...entries.flatMap(entryFields)];
  return { fields, values: entries.map(({ bytes }) => bytes) };
}

export function writtenCopyPage(page: StateCopyPage): Written {
  const { fields, values } = writtenPage(page);
  const ids = page.ids.flatMap(({ id, offset, ageMs }) => [id, offset, ageMs]);
  return { fields: [...fields, page.changes, page.ids.length, ...ids], values };
}

export function writtenAnswer(answer: StateAnswer): Written {
  if ('full' in answer) return { fields: [answer.full, answer.size], values: [] };
  if ('position' in answer) {
    const { epoch, offset } = answer.position;
    return { fields: ['stored', epoch, offset], values: [] };
  }
  const { fields, values } = writtenEntryOrNone(answer.conflict ?? undefined);
  return { fields: ['conflict', ...fields], values };
}
