import { Buffer } from 'node:buffer';
import type { Clock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { StoredMsg } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { StateEntry, StateLimits, StatePage } from '../contract/state-log.ts';
import type { StateCounts } from '../contract/state-rules.ts';
import { MAX_PAGE_BYTES } from '../memory/memory-stream.ts';
import type { NatsCopies } from './nats-copies.ts';
import type { NatsJetStream } from './nats-jet-stream.ts';
import { checksKeys, epochOf, type NatsStore } from './nats-store.ts';
import { keyIn } from './state-key.ts';
import {
  begunAfter,
  decodeRecord,
  emptyEpoch,
  isOfStream,
  RECORD_HEADER,
  type StateRecord,
  unscoped,
} from './state-record.ts';
import { StateRemovals } from './state-removals.ts';
import { type StreamMessage, StreamReading } from './stream-reading.ts';

/** Number of messages that are read at once to count the keys. */
const SCAN_MESSAGES = 4096;
const MIN_MESSAGES = 8;

/** The parts of a {@link NatsStateReader}. */
export interface NatsStateReaderParts {
  readonly jetStream: NatsJetStream;
  readonly copies: NatsCopies;
  readonly store: NatsStore;
  /** The subjects of all messages of the state. */
  readonly all: string;
  /** The subject of the floor. */
  readonly floorSubject: string;
  readonly clock: Clock;
}

/** The floor of a state. */
export interface StoredFloor {
  readonly sequence: number;
  /** The epoch of the state. */
  readonly epoch: string;
  /** Offset of the newest removal that is forgotten. */
  readonly floor: number;
}

/** What the stream has of a state. Other states are in the same stream. */
export interface StateEnd {
  readonly epoch: string;
  /** The sequence of the newest message of the state, or 0 if there is none. */
  readonly last: number;
  /** The sequence of the newest message of the stream, even if the stream no longer has it, or 0. */
  readonly top: number;
  /** The floor, or undefined if the state is empty, or was purged. */
  readonly floor: StoredFloor | undefined;
  /** The sequence of the message in the place of the floor, of any epoch, or 0. */
  readonly floorAt: number;
  /** Number of messages of the whole stream. */
  readonly messages: number;
  /** Size of the messages with their headers, in bytes. */
  readonly bytes: number;
  /** The `max_bytes` of the stream, or -1. */
  readonly maxBytes: number;
}

/** A page, and the sequence of the stream up to which the state has no change after `last`, if it is known. */
export interface NatsStatePage extends StatePage {
  readonly top?: number | undefined;
}

/** Reads the stream of one state. */
export class NatsStateReader {
  private readonly parts: NatsStateReaderParts;
  private limits: StateLimits;
  private readonly reading: StreamReading;
  private isKeyChecked: boolean | undefined = undefined;
  /** Whether the newest look has found changes without a floor. */
  isBare = false;
  /** The removals that are not forgotten. */
  readonly removals = new StateRemovals();

  constructor(parts: NatsStateReaderParts, limits: StateLimits) {
    const { jetStream, store, clock } = parts;
    this.parts = parts;
    this.limits = limits;
    this.reading = new StreamReading({ jetStream, name: store.name, clock });
  }

  limit(limits: StateLimits): void {
    this.limits = limits;
  }

  /**
   * Whether the server {@link checksKeys}, as far as the newest look at the stream knows, or undefined before the first one.
   */
  get isKeyed(): boolean | undefined {
    return this.isKeyChecked;
  }

  async page(after: number, limit: number): Promise<NatsStatePage> {
    const before = await this.end();
    const { epoch, last, top, messages: count, bytes } = before;
    // The epoch says that the state is empty. Its page stays the same while other states grow.
    if (last === 0) return { epoch, entries: [], end: 0, last: 0, floor: 0 };
    let floor = this.floorOf(before);
    if (after >= last || limit < 1) return { epoch, entries: [], end: last, last, floor };
    const most = Math.max(MIN_MESSAGES, Math.floor((MAX_PAGE_BYTES * count) / Math.max(1, bytes)));
    let entries: StateEntry[] = [];
    let end = after;
    let isNewest = false;
    while (entries.length === 0 && end < last) {
      const { messages, isEnd } = await this.reading.read({
        ...{ subject: this.parts.all, after: end, to: last, most: Math.min(limit, most) },
      });
      // Another node can have forgotten and deleted removals since.
      const [now, newest] = await Promise.all([this.floor(), this.newestOf(this.parts.all)]);
      const whole = pageOf(messages);
      end = isEnd && whole.length === messages.length ? last : whole.at(-1)!.seq;
      const serverNow = await this.reading.now();
      entries = whole.flatMap((message) => entryOf(epoch, message, serverNow) ?? []);
      for (const entry of entries) this.saw(entry);
      isNewest = newest?.seq === last;
      // A state that was emptied meanwhile has lost its removals.
      floor = now?.epoch === epoch ? Math.max(floor, this.floorOf({ last, floor: now })) : last;
      entries = entries.filter(({ isRemoval, position }) => !isRemoval || position.offset > floor);
    }
    return {
      ...{ epoch, entries, end, last, floor, begunAfter: begunAfter(epoch) },
      top: isNewest ? top : undefined,
    };
  }

  /** Notes a change that this link has read or followed. */
  saw({ key, position, isRemoval, ageMs }: StateEntry): void {
    this.removals.saw(key, position.offset, isRemoval, this.parts.clock.now() - ageMs);
  }

  /** Forgets removals that are too old or too many. */
  forget(): void {
    this.removals.forget(this.limits, this.parts.clock.now());
  }

  /** Reads what the stream has. @throws Error if the stream has another epoch, or has lost messages */
  async end(): Promise<StateEnd> {
    const { jetStream, copies, store, all, floorSubject } = this.parts;
    const { streams } = (await jetStream.clients()).manager;
    // What is stored after the question is not in the answer.
    const { name, newest: seen } = store;
    let [info, newest, floorNow] = await Promise.all([
      streams.info(name),
      streams.getMessage(name, { last_by_subj: all }),
      streams.getMessage(name, { last_by_subj: floorSubject }),
    ]).catch((thrown: unknown) => {
      // The stream can be gone. A node that only reads would not make it again.
      copies.suspect(store);
      throw toError(thrown);
    });
    const stream = epochOf(info);
    if (store.epoch !== undefined && store.epoch !== stream) {
      copies.madeAnew(store);
      throw new Error(`the JetStream stream ${name} has another epoch`);
    }
    const { messages, bytes, last_seq: top } = info.state;
    // A leader that was elected a moment ago may not have all messages yet, or they are lost.
    if (top < seen) {
      copies.suspect(store);
      throw new Error(`the JetStream stream ${name} ends at ${top}, before ${seen}`);
    }
    // What is looked for after the end of the stream shows that the state has nothing up to that end.
    newest ??= await streams.getMessage(name, { last_by_subj: all });
    const { max_bytes: maxBytes } = info.config;
    this.isKeyChecked = checksKeys(info);
    let found = newest && floorNow;
    let floor = floorIn(found, stream);
    if (newest !== null && floor?.epoch !== recordOf(newest.header, newest.seq)?.epoch) {
      // The floor is stored before the changes. So the floor that is looked for after the newest of them is there.
      found = await streams.getMessage(name, { last_by_subj: floorSubject });
      floor = floorIn(found, stream);
    }
    this.isBare = newest !== null && floor === undefined;
    return {
      ...{ epoch: floor?.epoch ?? emptyEpoch(stream), last: newest?.seq ?? 0, top, floor },
      ...{ floorAt: found?.seq ?? 0, messages, bytes, maxBytes },
    };
  }

  /** Reads the floor. */
  async floor(): Promise<StoredFloor | undefined> {
    const { jetStream, store, floorSubject } = this.parts;
    const { streams } = (await jetStream.clients()).manager;
    const found = await streams.getMessage(store.name, { last_by_subj: floorSubject });
    return floorIn(found, store.epoch!);
  }

  /** Counts the keys of the state, and finds its removals. Resolves with the end that the counts are of, too. */
  async counted({ last }: StateEnd): Promise<StateCounts & { readonly end: StateEnd }> {
    const { jetStream, store, all } = this.parts;
    const sizes = new Map<string, number>();
    let gone = 1;
    for (let at = 0; at < last; ) {
      const { messages, isEnd } = await this.reading.read({
        ...{ subject: all, after: at, to: last, most: SCAN_MESSAGES, headersOnly: true },
      });
      at = isEnd ? last : messages.at(-1)!.seq;
      for (const message of messages) {
        const { seq, subject, headers, byteLength } = message;
        const record = recordOf(headers, seq);
        if (record === undefined || record.kind === 'f') continue;
        const key = keyIn(subject);
        const isRemoval = record.kind === 'r';
        this.removals.saw(key, seq, isRemoval, this.reading.localTime(message));
        if (isRemoval) gone += 1;
        else sizes.set(key, Buffer.byteLength(key) + byteLength);
      }
    }
    const { streams } = (await jetStream.clients()).manager;
    const [end, { state }] = await Promise.all([
      this.end(),
      streams.info(store.name, { subjects_filter: all }),
    ]);
    // A key that changed meanwhile can have left the part that was read. All subjects but the floor and the removals are keys.
    const keys = Math.max(0, Object.keys(state.subjects ?? {}).length - gone);
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    return { keys, bytes: Math.round((bytes * keys) / Math.max(1, sizes.size)), end };
  }

  /**
   * Returns the end of the state if it has no key and no removal that is remembered, or undefined. Stops at the first key.
   */
  async emptyEnd(): Promise<StateEnd | undefined> {
    const end = await this.end();
    const { last } = end;
    for (let at = 0; at < last; ) {
      const { messages, isEnd } = await this.reading.read({
        ...{ subject: this.parts.all, after: at, to: last, most: MIN_MESSAGES, headersOnly: true },
      });
      for (const message of messages) {
        const kind = recordOf(message.headers, message.seq)?.kind;
        if (kind === 's') return undefined;
        if (kind !== 'r') continue;
        const key = keyIn(message.subject);
        this.removals.saw(key, message.seq, true, this.reading.localTime(message));
      }
      at = isEnd ? last : messages.at(-1)!.seq;
    }
    this.forget();
    return this.removals.isEmpty ? end : undefined;
  }

  /** Removes all messages of the state up to this sequence. What is stored later stays, even if this request is late. */
  async purge(upTo: number): Promise<void> {
    const { jetStream, store, all: filter } = this.parts;
    const { streams } = (await jetStream.clients()).manager;
    await streams.purge(store.name, { filter, seq: upTo + 1 });
  }

  /** Returns the newest message of a key, or null. */
  async newestOf(subject: string): Promise<StoredMsg | null> {
    const { streams } = (await this.parts.jetStream.clients()).manager;
    return streams.getMessage(this.parts.store.name, { last_by_subj: subject });
  }

  /** Deletes a message, unless it was replaced, or another node has deleted it. */
  async delete(sequence: number): Promise<void> {
    const { streams } = (await this.parts.jetStream.clients()).manager;
    await streams.deleteMessage(this.parts.store.name, sequence, false).catch(() => {});
  }

  /** Makes an entry of a message. */
  async entryOf(epoch: string, message: StoredMsg): Promise<StateEntry | undefined> {
    const { seq, subject, header: headers, data, time } = message;
    return entryOf(epoch, { seq, subject, headers, data, time }, await this.reading.now());
  }

  // --- parts ---

  /** Returns the offset up to which removals are forgotten. */
  private floorOf({ last, floor }: Pick<StateEnd, 'last' | 'floor'>): number {
    // What was removed before is not known.
    if (floor === undefined) return last;
    this.removals.raise(floor.floor);
    this.forget();
    return Math.min(last, this.removals.floor);
  }
}

/** Returns the messages up to the maximum size of a page, and at least one. */
function pageOf(messages: readonly StreamMessage[]): readonly StreamMessage[] {
  let bytes = 0;
  const over = messages.findIndex(({ byteLength }, i) => {
    bytes += byteLength;
    return i > 0 && bytes > MAX_PAGE_BYTES;
  });
  return over < 0 ? messages : messages.slice(0, over);
}

type ReadMessage = Omit<StreamMessage, 'byteLength'>;

function entryOf(
  epoch: string,
  { seq, subject, headers, data, time }: ReadMessage,
  now: number,
): StateEntry | undefined {
  const place = { epoch, sequence: seq, id: headers?.get('Nats-Msg-Id') ?? '' };
  return changeIn(place, subject, headers, data, Math.max(0, now - time.getTime()));
}

/** Makes an entry of a message, or returns undefined for a message that is not a change. */
export function changeIn(
  place: { readonly epoch: string; readonly sequence: number; readonly id: string },
  subject: string,
  headers: MsgHdrs | undefined,
  data: Uint8Array,
  ageMs: number,
): StateEntry | undefined {
  const { epoch, sequence } = place;
  const record = recordOf(headers, sequence);
  if (record === undefined || record.kind === 'f') return undefined;
  return {
    position: { epoch, offset: sequence },
    previous: sequence - 1,
    id: unscoped(place.id),
    key: keyIn(subject),
    isRemoval: record.kind === 'r',
    // Copied, because a room's newest messages would keep the client's read buffers in memory.
    bytes: Buffer.from(data),
    ageMs,
  };
}

export function recordOf(headers: MsgHdrs | undefined, sequence: number): StateRecord | undefined {
  return decodeRecord(headers?.get(RECORD_HEADER), sequence);
}

/** Reads the floor of a state. @param stream - the epoch of the stream */
function floorIn(message: StoredMsg | null, stream: string): StoredFloor | undefined {
  const record = message && recordOf(message.header, message.seq);
  if (record?.kind !== 'f' || !isOfStream(record.epoch, stream)) return undefined;
  return { sequence: message!.seq, epoch: record.epoch, floor: record.floor };
}
