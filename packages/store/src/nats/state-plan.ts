import { Buffer } from 'node:buffer';
import type { StoredMsg } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { StateAnswer, StateLimits, StateRefusal, StateWrite } from '../contract/state-log.ts';
import { isConflict, type StateCounts } from '../contract/state-rules.ts';
import { tooLong } from './nats-jet-stream.ts';
import { recordOf } from './nats-state-reader.ts';
import { keyIn } from './state-key.ts';
import type { StateMessages } from './state-messages.ts';
import { changedBy, isOfStream, RECORD_HEADER, type WriterChange } from './state-record.ts';
import type { StateSize } from './state-size.ts';

/** Maximum number of bytes of a change's headers, besides the ids and the record. */
const HEADERS_BYTES = 160;
/** The version of a key whose newest change has no answer. No stream reaches this sequence. */
const UNKNOWN_VERSION = Number.MAX_SAFE_INTEGER;

export interface PendingChange {
  readonly id: string;
  readonly tag: string;
  readonly write: StateWrite;
  readonly token: string;
  readonly subject: string;
  readonly resolve: (answer: StateAnswer) => void;
  readonly reject: (error: Error) => void;
  state: 'waiting' | 'sent' | 'done';
}

/** The newest change of a key. */
export interface PresentChange {
  /** 0 for a change of this node that has no answer yet. */
  readonly sequence: number;
  readonly isRemoval: boolean;
  readonly byteLength: number;
  readonly writers: readonly WriterChange[];
}

/** A change that is sent. */
export interface SentChange {
  readonly headers: MsgHdrs;
  readonly present: PresentChange;
  readonly added: StateCounts;
}

/** A change of a batch: what is sent, or the answer without a change. */
export interface PlannedChange {
  readonly change: PendingChange;
  readonly sent?: SentChange;
  /** The version of the key that the change does not fit, or 0. */
  readonly conflict?: number;
  readonly refusal?: StateRefusal;
  readonly error?: Error;
}

/** What the plan of a batch depends on. */
export interface StatePlanOptions {
  readonly messages: StateMessages;
  readonly size: StateSize;
  readonly limits: StateLimits;
  /** The name of this process. */
  readonly name: string;
  /** The end of the stream, if each change expects it. */
  readonly last: number | undefined;
  readonly presentOf: (subject: string) => PresentChange | undefined;
}

/**
 * Plans what is sent of a batch: its first changes, up to one that has to wait for an answer, or for another look at the size of the
 * state.
 */
export function planOf(
  batch: readonly PendingChange[],
  { messages, size, limits, name, last, presentOf }: StatePlanOptions,
): readonly PlannedChange[] {
  const plan: PlannedChange[] = [];
  const own = new Map<string, PresentChange>();
  const repeated = repeatedIn(batch);
  let isChained = last !== undefined;
  let previous: string | undefined;
  let end = last;
  for (const change of batch) {
    const { write, subject, id, tag } = change;
    const { isRemoval, byteLength } = write;
    const isUnanswered = last === undefined && own.has(subject);
    const before = own.get(subject) ?? presentOf(subject);
    const current = before?.isRemoval === false ? before : undefined;
    // Its version is not known yet.
    if (isUnanswered && write.expected !== undefined) break;
    const version = isUnanswered && current !== undefined ? UNKNOWN_VERSION : current?.sequence;
    if (isConflict(write, version ?? 0)) {
      plan.push({ change, conflict: version ?? 0 });
      continue;
    }
    const added = moreOf(write, before);
    if (!size.hasRoom(added)) break;
    const refusal = size.refusalOf(write, limits, current?.byteLength);
    if (refusal !== undefined) {
      plan.push({ change, refusal });
      continue;
    }
    const plainId = messages.idOf(id);
    const writers = changedBy(before?.writers ?? [], name, tag);
    const headers = messages.headersOf(id, isRemoval ? 'r' : 's', 0, writers);
    const headerBytes = HEADERS_BYTES + 2 * plainId.length + headers.get(RECORD_HEADER).length;
    const most = messages.maxBytes - headerBytes;
    if (write.bytes.byteLength > most) {
      plan.push({ change, error: tooLong(write.bytes.byteLength, most) });
      continue;
    }
    if (isChained && previous !== undefined) headers.set('Nats-Expected-Last-Msg-Id', previous);
    isChained ||= repeated.has(subject);
    if (end !== undefined) {
      headers.set('Nats-Expected-Last-Sequence', `${end}`);
      end += 1;
    }
    // After a purge, the stream has the same end, and no key. Of a replicated stream, old servers check a key without a message wrongly.
    if (last === undefined ? !isUnanswered : before !== undefined) {
      headers.set('Nats-Expected-Last-Subject-Sequence', `${before?.sequence ?? 0}`);
    }
    previous = plainId;
    size.sent(added);
    const present = { sequence: end ?? 0, isRemoval, byteLength, writers };
    own.set(subject, present);
    plan.push({ change, sent: { headers, present, added } });
  }
  return plan;
}

/**
 * Returns the newest change of a key. A message of another program is taken for a removal.
 *
 * @param stream - the epoch of the stream
 */
export function presentIn(message: StoredMsg, stream: string): PresentChange {
  const record = recordOf(message.header, message.seq);
  return {
    sequence: message.seq,
    isRemoval: record?.kind !== 's',
    byteLength: Buffer.byteLength(keyIn(message.subject)) + message.data.byteLength,
    // The sequences of another stream can be used again.
    writers: record !== undefined && isOfStream(record.epoch, stream) ? record.writers : [],
  };
}

/** Returns what a change adds to a state. */
export function moreOf(
  { isRemoval, byteLength }: StateWrite,
  before: PresentChange | null | undefined,
): StateCounts {
  const current = before?.isRemoval === false ? before.byteLength : undefined;
  return {
    keys: (isRemoval ? 0 : 1) - (current === undefined ? 0 : 1),
    bytes: (isRemoval ? 0 : byteLength) - (current ?? 0),
  };
}

/** Returns the subjects of which a batch has several changes. */
function repeatedIn(batch: readonly PendingChange[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(
    batch.flatMap(({ subject }) => {
      if (seen.has(subject)) return [subject];
      seen.add(subject);
      return [];
    }),
  );
}
