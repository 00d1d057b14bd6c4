import { Buffer } from 'node:buffer';
import type { Clock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { ConsumerInfo, JsMsg, NextMsgRequest, StoredMsg } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { StateEntry, StateLimits, StatePage } from '../contract/state-log.ts';
import type { StateCounts } from '../contract/state-rules.ts';
import { MAX_PAGE_BYTES } from '../memory/memory-stream.ts';
import type { NatsCopies } from './nats-copies.ts';
import { CONSUMER_MS, type NatsJetStream, textOf } from './nats-jet-stream.ts';
import { checksKeys, commonOf, epochOf, type NatsStore } from './nats-store.ts';
import { keyIn } from './state-key.ts';
import { decodeRecord, RECORD_HEADER, type StateRecord } from './state-record.ts';
import { StateRemovals } from './state-removals.ts';

const NANOSECONDS = 1e6;
/** Number of messages that are read at once to count the keys. */
const SCAN_MESSAGES = 4096;
/** Maximum time for the messages of a page. What came until then is read, before a change that waits for it is late. */
const FETCH_MS = 2000;
/** Time after which the clock of the server is asked for its time again. */
const TIME_VALID_MS = 60_000;
const MIN_MESSAGES = 8;

/** The parts of a {@link NatsStateReader}. */
export interface NatsStateReaderParts {
  readonly jetStream: NatsJetStream;
  readonly copies: NatsCopies;
  readonly store: NatsStore;
  /** The subject of the floor. */
  readonly floorSubject: string;
  readonly clock: Clock;
}

/** The floor of a state's stream. */
export interface StoredFloor {
  readonly sequence: number;
  /** Offset of the newest removal that is forgotten. */
  readonly floor: number;
}

/** What a state's stream has. */
export interface StateEnd {
  readonly epoch: string;
  /** The sequence of the newest message, even if the stream no longer has it, or 0. */
  readonly last: number;
  /** The floor, or undefined if nothing was stored in this epoch. */
  readonly floor: StoredFloor | undefined;
  /** The sequence of the message in the place of the floor, of any epoch, or 0. */
  readonly floorAt: number;
  readonly messages: number;
  /** Size of the messages with their headers, in bytes. */
  readonly bytes: number;
  /** The `max_bytes` of the stream, or -1. */
  readonly maxBytes: number;
}

/** Reads the stream of one state. */
export class NatsStateReader {
  private readonly parts: NatsStateReaderParts;
  private limits: StateLimits;
  /** Difference between the clock of the server and the clock of this process, in milliseconds. */
  private difference: number | undefined = undefined;
  private measuredAt = 0;
  private isKeyChecked: boolean | undefined = undefined;
  /** The removals that are not forgotten. */
  readonly removals = new StateRemovals();

  constructor(parts: NatsStateReaderParts, limits: StateLimits) {
    this.parts = parts;
    this.limits = limits;
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

  async page(after: number, limit: number): Promise<StatePage> {
    const before = await this.end();
    const { epoch, last, messages: count, bytes } = before;
    let floor = this.floorOf(before);
    if (after >= last || limit < 1) return { epoch, entries: [], end: last, last, floor };
    const most = Math.max(MIN_MESSAGES, Math.floor((MAX_PAGE_BYTES * count) / Math.max(1, bytes)));
    let entries: StateEntry[] = [];
    let end = after;
    while (entries.length === 0 && end < last) {
      const { messages, isEnd } = await this.messages(end, last, Math.min(limit, most), false);
      // Another node can have forgotten and deleted removals since.
      const now = await this.end();
      const whole = pageOf(messages);
      end = isEnd && whole.length === messages.length ? last : whole.at(-1)!.seq;
      const serverNow = await this.now();
      entries = whole.flatMap((message) => entryOf(epoch, message, serverNow) ?? []);
      for (const entry of entries) this.saw(entry);
      floor = Math.max(floor, Math.min(last, this.floorOf(now)));
      entries = entries.filter(({ isRemoval, position }) => !isRemoval || position.offset > floor);
    }
    return { epoch, entries, end, last, floor };
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
    const { jetStream, copies, store, floorSubject } = this.parts;
    const { streams } = (await jetStream.clients()).manager;
    const { name } = store;
    for (let tries = 1; ; tries += 1) {
      const [info, found] = await Promise.all([
        streams.info(name),
        streams.getMessage(name, { last_by_subj: floorSubject }),
      ]).catch((thrown: unknown) => {
        // The stream can be gone. A node that only reads would not make it again.
        copies.suspect(store);
        throw toError(thrown);
      });
      const epoch = epochOf(info);
      if (store.epoch !== undefined && store.epoch !== epoch) {
        copies.madeAnew(store);
        throw new Error(`the JetStream stream ${name} has another epoch`);
      }
      const { messages, bytes, last_seq: last } = info.state;
      // A leader that was elected a moment ago may not have all messages yet, or they are lost.
      if (last < store.newest) {
        copies.suspect(store);
        throw new Error(`the JetStream stream ${name} ends at ${last}, before ${store.newest}`);
      }
      const { max_bytes: maxBytes } = info.config;
      this.isKeyChecked = checksKeys(info);
      const floor = floorIn(found, epoch);
      // The floor may have been stored after the look for it.
      if (floor === undefined && last > (commonOf(info)?.offset ?? 0)) {
        if (tries === 1) continue;
        throw this.lost();
      }
      const floorAt = found?.seq ?? 0;
      return { epoch, last, floor, floorAt, messages, bytes, maxBytes };
    }
  }

  /** Reads the floor. @throws Error if the stream has another epoch, or has lost messages */
  async floor(): Promise<StoredFloor> {
    const { jetStream, store, floorSubject } = this.parts;
    const { streams } = (await jetStream.clients()).manager;
    const found = await streams.getMessage(store.name, { last_by_subj: floorSubject });
    const floor = floorIn(found, store.epoch!);
    if (floor === undefined) throw this.lost();
    return floor;
  }

  /** Counts the keys of the state, and finds its removals. Resolves with the end that the counts are of, too. */
  async counted({ last }: StateEnd): Promise<StateCounts & { readonly end: StateEnd }> {
    const sizes = new Map<string, number>();
    const removed = new Set<string>();
    for (let at = 0; at < last; ) {
      const { messages, isEnd } = await this.messages(at, last, SCAN_MESSAGES, true);
      at = isEnd ? last : messages.at(-1)!.seq;
      for (const { seq, subject, headers, time } of messages) {
        const record = recordOf(headers, seq);
        if (record === undefined || record.kind === 'f') continue;
        const key = keyIn(subject);
        const isRemoval = record.kind === 'r';
        this.removals.saw(key, seq, isRemoval, time.getTime() - this.difference!);
        if (isRemoval) removed.add(key);
        else sizes.set(key, Buffer.byteLength(key) + Number(headers?.get('Nats-Msg-Size')));
      }
    }
    const end = await this.end();
    // A key that changed meanwhile can have left the part that was read. All messages but the floor and the removals are keys.
    const keys = Math.max(0, end.messages - 1 - removed.size);
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    return { keys, bytes: Math.round((bytes * keys) / Math.max(1, sizes.size)), end };
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
    return entryOf(epoch, { seq, subject, headers, data, time }, await this.now());
  }

  /** Returns the time by the clock of the server, in milliseconds. */
  async now(): Promise<number> {
    const age = this.parts.clock.now() - this.measuredAt;
    if (this.difference === undefined || age > TIME_VALID_MS) {
      // Servers before 2.10 say their time only in this answer.
      await this.consumerAt(1, true, ({ name }) => Promise.resolve(name));
    }
    return this.serverNow();
  }

  // --- parts ---

  private serverNow(): number {
    return this.parts.clock.now() + this.difference!;
  }

  private lost(): Error {
    const { copies, store } = this.parts;
    copies.suspect(store);
    return new Error(
      `the JetStream stream ${store.name} has lost messages: it was purged, or has dropped its oldest ones`,
    );
  }

  /** Returns the offset up to which removals are forgotten. */
  private floorOf({ last, floor }: StateEnd): number {
    // What was removed before this epoch is not known.
    if (floor === undefined) return last;
    this.removals.raise(floor.floor);
    this.forget();
    return Math.min(last, this.removals.floor);
  }

  /** Reads messages after a sequence, up to a number of messages or another sequence. */
  private messages(
    after: number,
    to: number,
    most: number,
    headersOnly: boolean,
  ): Promise<{ readonly messages: readonly JsMsg[]; readonly isEnd: boolean }> {
    return this.consumerAt(after + 1, headersOnly, async (info) => {
      const { client, manager } = await this.parts.jetStream.clients();
      const messages: JsMsg[] = [];
      let at = after;
      if (info.num_pending > 0) {
        const consumer = client.consumers.getConsumerFromInfo(info);
        const fetched = await consumer.fetch({ max_messages: most, expires: FETCH_MS });
        for await (const message of fetched) {
          at = message.seq;
          if (at <= to) messages.push(message);
          if (at >= to || message.info.pending === 0 || messages.length === most) break;
        }
      }
      if (at >= to) return { messages, isEnd: true };
      if (messages.length > 0) return { messages, isEnd: false };
      // The server of the consumer can be behind the leader of the stream.
      const { name } = this.parts.store;
      const query: Required<NextMsgRequest> = { seq: at + 1, next_by_subj: '>' };
      const next = await manager.streams.getMessage(name, query);
      if (next === null || next.seq > to) return { messages, isEnd: true };
      throw new Error(
        `JetStream sent no messages after number ${at}, though it has number ${next.seq}`,
      );
    });
  }

  private async consumerAt<T>(
    sequence: number,
    headersOnly: boolean,
    use: (info: ConsumerInfo) => Promise<T>,
  ): Promise<T> {
    const { jetStream, store, clock } = this.parts;
    const { manager, startAt } = await jetStream.clients();
    const asked = clock.now();
    const info = await manager.consumers.add(store.name, {
      ...startAt(sequence),
      ack_policy: 'none' as never,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: CONSUMER_MS * NANOSECONDS,
      headers_only: headersOnly,
    });
    this.measuredAt = clock.now();
    this.difference = Date.parse(info.created) - (asked + this.measuredAt) / 2;
    try {
      return await use(info);
    } finally {
      manager.consumers.delete(store.name, info.name).catch(() => {});
    }
  }
}

/** Returns the messages up to the maximum size of a page, and at least one. */
function pageOf(messages: readonly JsMsg[]): readonly JsMsg[] {
  let bytes = 0;
  const over = messages.findIndex(({ data }, i) => {
    bytes += data.byteLength;
    return i > 0 && bytes > MAX_PAGE_BYTES;
  });
  return over < 0 ? messages : messages.slice(0, over);
}

type ReadMessage = Pick<JsMsg, 'seq' | 'subject' | 'headers' | 'data' | 'time'>;

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
    id: textOf(place.id),
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

/** Reads the floor of an epoch. */
export function floorIn(message: StoredMsg | null, epoch: string): StoredFloor | undefined {
  const record = message && recordOf(message.header, message.seq);
  if (record?.kind !== 'f' || record.epoch !== epoch) return undefined;
  return { sequence: message!.seq, floor: record.floor };
}
