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

/** A message from the client whose processing had not ended when the record was written. */
export interface UnfinishedMessage {
  /** Number of the message among the read messages. */
  readonly number: number;
  readonly payload: Buffer;
}

/** The changes of a lasting channel since the previous record. */
export interface SessionRecord {
  /** State without the messages. `keptCount` counts all messages that the client has not acknowledged. */
  readonly header: SessionHeader;
  /** Name that identifies this record of the channel. */
  readonly name: string;
  /** Messages to the client that no earlier record contains, or none that is still needed. */
  readonly fresh: readonly Buffer[];
  /** Numbers of all messages from the client whose processing has not ended. */
  readonly unfinished: readonly number[];
  /** The newest of these messages, which no earlier record that is still needed contains. */
  readonly freshUnfinished: readonly Buffer[];
}

interface RecordHeader extends SessionHeader {
  readonly name: string;
  readonly freshCount: number;
  readonly unfinished: readonly number[];
  readonly freshUnfinished: number;
}

/** Version of this format. A whole session begins with 1. */
const RECORD_VERSION = 129;

/** Encodes a record. */
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

/** A lasting channel as stored in its log. */
export interface RecordedSession {
  /** Name of the last record. */
  readonly name: string;
  readonly state: SessionState;
  /** Messages from the client whose processing had not ended, oldest first. */
  readonly unfinished: readonly UnfinishedMessage[];
}

/**
 * Combines the records of a channel.
 *
 * @param received - number of the last message that the client has, which can be later than the last record
 * @throws DecodeError `MESSAGE_INVALID` for records that do not come from {@link encodeRecord}, or of which one is missing
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
      // Each number occurs once, in ascending order.
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
    if (payload === undefined) throw invalid(last, `message ${number} is missing`);
    return payload;
  };
  if (keptCount > outbound.size) throw invalid(last, `${keptCount} messages are missing`);
  const newest = state.acknowledged + keptCount;
  // The protocol refuses a number that is too high.
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

/** Returns the number of messages that the credit allows. */
function fitting(payloads: readonly Buffer[], creditBytes: number): number {
  let cost = 0;
  const tooMany = payloads.findIndex((payload) => {
    cost += payload.length + MESSAGE_OVERHEAD_BYTES;
    return cost > creditBytes;
  });
  return tooMany < 0 ? payloads.length : tooMany;
}
