import { Buffer } from 'node:buffer';
import type { StateEntry } from './state-log.ts';

/** An id that a state knows, with the offset of its change. */
export interface KnownId {
  readonly id: string;
  readonly offset: number;
  /** Time since the change, in milliseconds. */
  readonly ageMs: number;
}

/** A part of a state for another process that keeps a copy: more than a reader needs. */
export interface StateCopyPage {
  readonly epoch: string;
  /** The newest changes of the keys, after an offset, in order. */
  readonly entries: readonly StateEntry[];
  /** The ids of all changes after the same offset that the state knows, also of those that were replaced, in order. */
  readonly ids: readonly KnownId[];
  /** The page has everything up to this offset. */
  readonly end: number;
  readonly last: number;
  readonly floor: number;
  /** The number of changes of the state. */
  readonly changes: number;
}

/** Size of a page, in bytes, so that it arrives in time over a slow line. Only an entry that is larger alone exceeds it. */
export const COPY_PAGE_BYTES: number = 256 * 1024;
/** The part of a page that is for ids in any case, in bytes. */
export const COPY_PAGE_LEAST_BYTES: number = 32 * 1024;
/** Maximum bytes for the numbers of an entry. */
const ENTRY_NUMBERS_BYTES = 150;
/** Maximum bytes for the numbers of an id. There are many more ids than entries, so this is closer. */
const ID_NUMBERS_BYTES = 50;

/** Returns the maximum size of an entry in a page, without its value. */
export function entryBytes({ id, key }: Pick<StateEntry, 'id' | 'key'>): number {
  return ENTRY_NUMBERS_BYTES + textBytes(id) + textBytes(key);
}

/** Returns the maximum size of an id in a page. */
export function idBytes(id: string): number {
  return ID_NUMBERS_BYTES + textBytes(id);
}

/** In JSON, because a character can take six. */
function textBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
