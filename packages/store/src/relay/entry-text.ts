import { Buffer } from 'node:buffer';
import type { CallReader } from '@headrace/bus/authoring';
import type { LogEntry } from '../contract/log.ts';
import type { StateEntry, StateWrite } from '../contract/state-log.ts';
import { sizeOf } from '../memory/memory-state.ts';

/** A stored message as JSON. */
export type EntryText = readonly [
  epoch: string,
  offset: number,
  previous: number,
  id: string,
  data: string,
];

/** A change of a state as JSON. */
export type StateEntryText = readonly [
  ...entry: EntryText,
  key: string,
  isRemoval: boolean,
  ageMs: number,
];

export function entryFrom([epoch, offset, previous, id, data]: EntryText): LogEntry {
  return { position: { epoch, offset }, previous, id, bytes: Buffer.from(data, 'base64') };
}

export function entryText({ position, previous, id, bytes }: LogEntry): EntryText {
  return [position.epoch, position.offset, previous, id, bytes.toString('base64')];
}

export function stateEntryFrom([
  epoch,
  offset,
  previous,
  id,
  data,
  ...rest
]: StateEntryText): StateEntry {
  const [key, isRemoval, ageMs] = rest;
  return { ...entryFrom([epoch, offset, previous, id, data]), key, isRemoval, ageMs };
}

export function stateEntryText(entry: StateEntry): StateEntryText {
  return [...entryText(entry), entry.key, entry.isRemoval, entry.ageMs];
}

/** The fields of a change: key, data, isRemoval (0 or 1), expected (-1 for any). */
export function stateWriteFields({ key, bytes, isRemoval, expected = -1 }: StateWrite): unknown[] {
  return [key, bytes.toString('base64'), isRemoval ? 1 : 0, expected];
}

export function stateWriteFrom(fields: CallReader): StateWrite {
  const key = fields.text();
  const bytes = Buffer.from(fields.text(), 'base64');
  const isRemoval = fields.number() === 1;
  const version = fields.number();
  const expected = version < 0 ? undefined : version;
  return { key, bytes, isRemoval, expected, byteLength: sizeOf({ key, bytes }) };
}

/** Returns a limit as a number that JSON has, because it has no Infinity. */
export function finite(limit: number): number {
  return Math.min(limit, Number.MAX_SAFE_INTEGER);
}
