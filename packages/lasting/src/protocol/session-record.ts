import type { Buffer } from 'node:buffer';
import { MESSAGE_OVERHEAD_BYTES } from './kept-run.ts';
import {
  decodeParts,
  encodeParts,
  invalid,
  isCount,
  type SessionHeader,
  type SessionState,
} from './session-bytes.ts';

/** A message from the client whose work was under way when the record was written. */
export interface UnfinishedMessage {
  /** Its number, by which it is counted among those that were taken. */
  readonly number: number;
  readonly payload: Buffer;
}

/** What has changed of a lasting channel since the record before. */
export interface SessionRecord {
  /** The whole state but its messages; `keptCount` counts all messages that the client has not acknowledged. */
  readonly header: SessionHeader;
  /** Tells this record from any other one of the channel. */
  readonly name: string;
  /** Messages to the client that are in no earlier record, or in none that is still needed. */
  readonly fresh: readonly Buffer[];
  /** All messages from the client whose work is under way. */
  readonly unfinished: readonly number[];
  /** The newest of them, which are in no earlier record that is still needed. */
  readonly freshUnfinished: readonly Buffer[];
}

interface RecordHeader extends SessionHeader {
  readonly name: string;
  readonly freshCount: number;
  readonly unfinished: readonly number[];
  readonly freshUnfinished: number;
}

/** The version of these bytes; those of a whole session begin with 1. */
const RECORD_VERSION = 129;

/** The bytes of a record. */
export function encodeRecord(record: SessionRecord): Buffer {
  const { header, name, fresh, unfinished, freshUnfinished } = record;
  const all: RecordHeader = {
    ...header,
    name,
    freshCount: fresh.length,
    unfinished,
    freshUnfinished: freshUnfinished.length,
  };
  return encodeParts(RECORD_VERSION, all, [...fresh, ...freshUnfinished]);
}

/** A lasting channel as its log knows it. */
export interface RecordedSession {
  /** Of the last record. */
  readonly name: string;
  readonly state: SessionState;
  /** Messages from the client whose work was under way, oldest first. */
  readonly unfinished: readonly UnfinishedMessage[];
}

/**
 * Puts the records of a channel together.
 *
 * @param received - the number of the last message that its client has: it may have got more since the last record
 * @throws DecodeError `MESSAGE_INVALID` for records that {@link encodeRecord} has not written, or of which one is missing
 */
export function foldRecords(records: readonly Uint8Array[], received = 0): RecordedSession {
  const outbound = new Map<number, Buffer>();
  const inbound = new Map<number, Buffer>();
  const last = records.at(-1);
  if (last === undefined) throw invalid(new Uint8Array(), 'there is no record');
  let header!: RecordHeader;
  for (const bytes of records) {
    const parts = decodeParts<RecordHeader>(RECORD_VERSION, bytes);
    ({ header } = parts);
    const { name, freshCount, unfinished, freshUnfinished } = header;
    const isWhole =
      typeof name === 'string' &&
      isCount(freshCount) &&
      isCount(freshUnfinished) &&
      Array.isArray(unfinished) &&
      // Each once, in the order in which they came.
      unfinished.every((number, at) => isCount(number) && !(number <= unfinished[at - 1]!)) &&
      freshUnfinished <= unfinished.length &&
      parts.payloads.length === freshCount + freshUnfinished;
    if (!isWhole) throw invalid(bytes, 'a record has other messages than it says');
    const first = header.acknowledged + header.keptCount - freshCount + 1;
    const numbers = unfinished.slice(unfinished.length - freshUnfinished);
    for (const [index, payload] of parts.payloads.entries()) {
      if (index < freshCount) outbound.set(first + index, payload);
      else inbound.set(numbers[index - freshCount]!, payload);
    }
  }
  const { name, freshCount: _, freshUnfinished: __, unfinished, keptCount, ...state } = header;
  const payloadOf = (messages: ReadonlyMap<number, Buffer>, number: number): Buffer => {
    const payload = messages.get(number);
    if (payload === undefined) throw invalid(last, `message ${number} is not there`);
    return payload;
  };
  if (keptCount > outbound.size) throw invalid(last, `${keptCount} messages are not there`);
  const newest = state.acknowledged + keptCount;
  // What makes no sense is left to the protocol, which refuses it.
  const acknowledged =
    received > newest ? state.acknowledged : Math.max(received, state.acknowledged);
  const payloads = Array.from({ length: newest - acknowledged }, (_empty, index) =>
    payloadOf(outbound, acknowledged + 1 + index),
  );
  const count = fitting(payloads, state.keptCreditBytes);
  return {
    name,
    state: {
      ...state,
      acknowledged,
      highest: acknowledged + count,
      kept: payloads.slice(0, count),
      waiting: payloads.slice(count),
    },
    unfinished: unfinished.map((number) => ({ number, payload: payloadOf(inbound, number) })),
  };
}

/** How many of the messages the credit allows. */
function fitting(payloads: readonly Buffer[], creditBytes: number): number {
  let cost = 0;
  const tooMany = payloads.findIndex((payload) => {
    cost += payload.length + MESSAGE_OVERHEAD_BYTES;
    return cost > creditBytes;
  });
  return tooMany < 0 ? payloads.length : tooMany;
}
