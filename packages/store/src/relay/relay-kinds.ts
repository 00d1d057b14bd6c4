import { Buffer } from 'node:buffer';
import type { CallReader } from '@headrace/bus/authoring';
import { toBuffer } from '@headrace/core/authoring';
import type { LogEntry, LogPosition } from '../contract/log.ts';
import type { StateAnswer, StateEntry } from '../contract/state-log.ts';
import type { LogKind, StateKind, StoreKind } from '../contract/store-link.ts';
import { MemoryRecords } from '../memory/memory-records.ts';
import { MemoryState, sizeOf } from '../memory/memory-state.ts';
import { MemoryStream } from '../memory/memory-stream.ts';
import type { StreamStart } from '../memory/memory-streams.ts';

/** A kind of store whose streams are in the memory of the process of the relay. */
export interface KeptKind<Memory> {
  /** The name of the service. */
  readonly service: string;
  make(start: StreamStart): Memory;
  /** See {@link MemoryStreams}. */
  emptyAt?(memory: Memory): number | undefined;
}

/** Streams with appends and followers, for the links of one relay. Workers send and receive everything as JSON. */
export interface FollowedKind<K extends StoreKind, Memory extends FollowedMemory<K>>
  extends KeptKind<Memory> {
  /** The names of the limits, in the order of their fields. */
  readonly limits: readonly (keyof K['limits'] & string)[];
  opened?(memory: Memory, limits: K['limits']): void;
  append(
    memory: Memory,
    id: string,
    write: K['write'],
    limits: K['limits'],
    now: number,
  ): K['answer'];
  read(memory: Memory, after: number, limit: number, limits: K['limits'], now: number): K['page'];
  writeFields(write: K['write']): readonly (string | number)[];
  writeFrom(fields: CallReader): K['write'];
  answerText(answer: K['answer']): unknown;
  answerFrom(text: unknown): K['answer'];
  entryText(entry: K['entry']): readonly unknown[];
  entryFrom(text: readonly unknown[]): K['entry'];
}

/** The parts of a stream in memory that are the same for both kinds. */
export interface FollowedMemory<K extends StoreKind> {
  readonly followerCount: number;
  follow(follower: (entry: K['entry']) => void): () => void;
}

/** The fields of an entry: epoch, offset, previous, id, data. */
function entryText({ position, previous, id, bytes }: LogEntry): readonly unknown[] {
  return [position.epoch, position.offset, previous, id, bytes.toString('base64')];
}

function entryFrom(text: readonly unknown[]): LogEntry {
  const [epoch, offset, previous, id, data] = text as [string, number, number, string, string];
  return { position: { epoch, offset }, previous, id, bytes: Buffer.from(data, 'base64') };
}

export const LOGS: FollowedKind<LogKind, MemoryStream> = {
  service: 'log',
  limits: ['messages', 'ageMs'],
  make: () => new MemoryStream(),
  opened: (memory, limits) => memory.limit(limits),
  append: (memory, id, bytes, _limits, now) => memory.append(id, bytes, now),
  read: (memory, after, limit, _limits, now) => memory.read(after, limit, now),
  writeFields: (bytes) => [toBuffer(bytes).toString('base64')],
  writeFrom: (fields) => Buffer.from(fields.text(), 'base64'),
  answerText: (position) => position,
  answerFrom: (position) => position as LogPosition,
  entryText,
  entryFrom,
};

/** The fields of a change: those of {@link entryText}, key, isRemoval, ageMs. */
function stateEntryText(entry: StateEntry): readonly unknown[] {
  return [...entryText(entry), entry.key, entry.isRemoval, entry.ageMs];
}

function stateEntryFrom(text: readonly unknown[]): StateEntry {
  const [key, isRemoval, ageMs] = text.slice(5) as [string, boolean, number];
  return { ...entryFrom(text), key, isRemoval, ageMs };
}

export const STATES: FollowedKind<StateKind, MemoryState> = {
  service: 'state',
  limits: ['keys', 'bytes', 'removals', 'removalAgeMs'],
  make: (start) => new MemoryState(undefined, start),
  emptyAt: (memory) => memory.emptyAt,
  append: (memory, id, write, limits, now) => memory.append(id, write, limits, now),
  read: (memory, after, limit, limits, now) => memory.read(after, limit, limits, now),
  // The expected version is -1 for any.
  writeFields: ({ key, bytes, isRemoval, expected = -1 }) => [
    key,
    bytes.toString('base64'),
    isRemoval ? 1 : 0,
    expected,
  ],
  writeFrom: (fields) => {
    const key = fields.text();
    const bytes = Buffer.from(fields.text(), 'base64');
    const isRemoval = fields.number() === 1;
    const version = fields.number();
    const expected = version < 0 ? undefined : version;
    return { key, bytes, isRemoval, expected, byteLength: sizeOf({ key, bytes }) };
  },
  answerText: (answer) => {
    const isFound = 'conflict' in answer && answer.conflict !== null;
    return isFound ? { conflict: stateEntryText(answer.conflict) } : answer;
  },
  answerFrom: (text) => {
    const { conflict } = text as { readonly conflict?: readonly unknown[] | null };
    if (conflict === undefined || conflict === null) return text as StateAnswer;
    return { conflict: stateEntryFrom(conflict) };
  },
  entryText: stateEntryText,
  entryFrom: stateEntryFrom,
};

export const RECORDS: KeptKind<MemoryRecords> = {
  service: 'records',
  make: () => new MemoryRecords(),
};
