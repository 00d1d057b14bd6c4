import { Buffer } from 'node:buffer';
import type { Clock } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { ConsumerInfo, JsMsg, StoredMsg } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { StateEntry, StateLimits, StatePage } from '../contract/state-log.ts';
import { MAX_PAGE_BYTES } from '../memory/memory-stream.ts';
import type { NatsCopies } from './nats-copies.ts';
import type { NatsJetStream } from './nats-jet-stream.ts';
import { textOf } from './nats-jet-stream.ts';
import { commonOf, epochOf, markNameOf, type NatsStore } from './nats-store.ts';
import { keyIn } from './state-key.ts';
import { decodeHeader, EMPTY, STATE_HEADER, type StateLedger } from './state-ledger.ts';

const NANOSECONDS = 1e6;
/** Number of messages that are read at once to find removals, and to count the keys. */
const SCAN_MESSAGES = 256;
/** Time after which a consumer that was not deleted ends. */
const CONSUMER_MS = 10_000;
/** Maximum time for the messages of a page. */
const FETCH_MS = 5000;
/** Time after which the clock of the server is asked for its time again. */
const TIME_VALID_MS = 60_000;
const MIN_MESSAGES = 8;

/** The parts of a {@link NatsStateReader}. */
export interface NatsStateReaderParts {
  readonly jetStream: NatsJetStream;
  readonly copies: NatsCopies;
  readonly store: NatsStore;
  readonly clock: Clock;
}

/** The end of a state's stream. */
export interface StateEnd {
  readonly epoch: string;
  readonly mark: string;
  /** The sequence of the newest message, even if the stream no longer has it, or 0. */
  readonly sequence: number;
  /** What the stream has, or undefined if its messages must be counted. */
  readonly ledger: StateLedger | undefined;
  /** Mean size of a message, in bytes. */
  readonly meanBytes: number;
}

/** A removal that is remembered. */
export interface KnownRemoval {
  readonly sequence: number;
  /** Time of the removal by the clock of the server, in milliseconds. */
  readonly at: number;
}

/** A state after its removals that are too old or too many were forgotten. */
export interface ForgottenRemovals {
  readonly ledger: StateLedger;
  /** The oldest removals that are remembered, in order: all, or one more than the number of removals to come. */
  readonly remembered: KnownRemoval[];
  /** The sequences of forgotten removals that the stream still has. */
  readonly garbage: readonly number[];
}

/** Reads the stream of one state. */
export class NatsStateReader {
  private readonly parts: NatsStateReaderParts;
  private limits: StateLimits;
  /** Difference between the clock of the server and the clock of this process, in milliseconds. */
  private difference: number | undefined = undefined;
  private measuredAt = 0;
  /** Time of the server up to which no removal is too old. */
  private quietUntil = 0;

  constructor(parts: NatsStateReaderParts, limits: StateLimits) {
    this.parts = parts;
    this.limits = limits;
  }

  limit(limits: StateLimits): void {
    this.limits = limits;
    this.quietUntil = 0;
  }

  async page(after: number, limit: number): Promise<StatePage> {
    const before = await this.end();
    const { epoch, sequence: last } = before;
    const floor = await this.floorOf(before);
    if (after >= last || limit < 1) return { epoch, entries: [], end: last, last, floor };
    const most = Math.max(MIN_MESSAGES, Math.floor(MAX_PAGE_BYTES / before.meanBytes));
    let entries: StateEntry[] = [];
    let end = after;
    let at = floor;
    while (entries.length === 0 && end < last) {
      const { messages, isEnd } = await this.messages(end, last, Math.min(limit, most), false);
      // Another node can have forgotten and deleted removals since.
      const { ledger, sequence } = await this.end();
      at = Math.max(at, Math.min(last, ledger?.floor ?? sequence));
      const whole = pageOf(messages);
      end = isEnd && whole.length === messages.length ? last : whole.at(-1)!.seq;
      const now = await this.now();
      entries = whole
        .map((message) => entryOf(epoch, message, now))
        .filter((entry) => entry !== undefined)
        .filter(({ isRemoval, position }) => !isRemoval || position.offset > at);
    }
    return { epoch, entries, end, last, floor: at };
  }

  /** Reads the newest message of the stream. @throws Error if the stream has another epoch */
  async end(): Promise<StateEnd> {
    const { jetStream, copies, store } = this.parts;
    const { streams } = (await jetStream.clients()).manager;
    const { name } = store;
    for (let tries = 1; ; tries += 1) {
      const [info, newest] = await Promise.all([
        streams.info(name),
        streams.getMessage(name, { last_by_subj: '>' }),
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
      const mark = markNameOf(info);
      const { messages, bytes, last_seq } = info.state;
      const meanBytes = messages === 0 ? 1 : Math.max(1, bytes / messages);
      if (newest !== null) {
        const header = headerOf(newest.header);
        const ledger = header?.mark === mark ? header.ledger : undefined;
        return { epoch, mark, sequence: newest.seq, ledger, meanBytes };
      }
      if (last_seq === 0) return { epoch, mark, sequence: 0, ledger: EMPTY, meanBytes };
      // The message may have been stored after the look for it.
      if (tries === 1) continue;
      if (messages > 0) return { epoch, mark, sequence: last_seq, ledger: undefined, meanBytes };
      if (commonOf(info)?.offset !== last_seq) {
        copies.suspect(store);
        throw new Error(`the JetStream stream ${name} was purged`);
      }
      const ledger = { ...EMPTY, floor: last_seq, scanned: last_seq };
      return { epoch, mark, sequence: last_seq, ledger, meanBytes };
    }
  }

  /** Counts the keys of a state whose newest message does not say what the state has. */
  async counted({ sequence }: StateEnd): Promise<StateLedger> {
    const sizes = new Map<string, number>();
    for (let at = 0; at < sequence; ) {
      const { messages, isEnd } = await this.messages(at, sequence, SCAN_MESSAGES, true);
      for (const { subject, headers } of messages) {
        const key = keyIn(subject);
        if (headerOf(headers)?.isRemoval !== false) sizes.delete(key);
        else sizes.set(key, Buffer.byteLength(key) + Number(headers?.get('Nats-Msg-Size')));
      }
      at = isEnd ? sequence : messages.at(-1)!.seq;
    }
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    return { ...EMPTY, keys: sizes.size, bytes, floor: sequence };
  }

  /**
   * Finds the removals that are too old or too many at the end of a state. Reads only messages after `scanned`, which each writer
   * raises, so each message is read a few times at most.
   *
   * @param more - the number of removals that come next
   */
  async forgotten(sequence: number, ledger: StateLedger, more: number): Promise<ForgottenRemovals> {
    const { removals: most, removalAgeMs } = this.limits;
    const isQuiet = this.difference !== undefined && this.serverNow() < this.quietUntil;
    if (ledger.removals === 0 || (isQuiet && ledger.removals + more <= most)) {
      return { ledger, remembered: [], garbage: [] };
    }
    let { removals, floor } = ledger;
    const remembered: KnownRemoval[] = [];
    const garbage: number[] = [];
    let at = ledger.scanned;
    while (at < sequence && remembered.length <= more) {
      const { messages, isEnd } = await this.messages(at, sequence, SCAN_MESSAGES, true);
      const now = this.serverNow();
      for (const { seq, headers, time } of messages) {
        at = seq;
        if (headerOf(headers)?.isRemoval !== true) continue;
        const isOver = removals > most || now - time.getTime() > removalAgeMs;
        if (seq <= floor) garbage.push(seq);
        else if (remembered.length === 0 && isOver) {
          garbage.push(seq);
          floor = seq;
          removals -= 1;
        } else if (remembered.push({ sequence: seq, at: time.getTime() }) > more) break;
      }
      if (isEnd && remembered.length <= more) {
        at = sequence;
        removals = remembered.length;
      }
    }
    const [oldest] = remembered;
    if (oldest !== undefined) this.quietUntil = oldest.at + removalAgeMs;
    const scanned = (garbage[0] ?? oldest?.sequence ?? at + 1) - 1;
    return { ledger: { ...ledger, removals, floor, scanned }, remembered, garbage };
  }

  /** Returns the newest message of a key, or null. */
  async newestOf(subject: string): Promise<StoredMsg | null> {
    const { streams } = (await this.parts.jetStream.clients()).manager;
    return streams.getMessage(this.parts.store.name, { last_by_subj: subject });
  }

  /** Returns the change at a sequence, or undefined if it was replaced. */
  async entryAt(epoch: string, sequence: number): Promise<StateEntry | undefined> {
    const { streams } = (await this.parts.jetStream.clients()).manager;
    const message = await streams.getMessage(this.parts.store.name, { seq: sequence });
    if (message === null) return undefined;
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

  private async floorOf({ sequence, ledger }: StateEnd): Promise<number> {
    if (ledger === undefined) return sequence;
    return (await this.forgotten(sequence, ledger, 0)).ledger.floor;
  }

  /** Reads messages after a sequence, up to a number of messages or another sequence. The stream has a message at `to` or later. */
  private messages(
    after: number,
    to: number,
    most: number,
    headersOnly: boolean,
  ): Promise<{ readonly messages: readonly JsMsg[]; readonly isEnd: boolean }> {
    return this.consumerAt(after + 1, headersOnly, async (info) => {
      const messages: JsMsg[] = [];
      if (info.num_pending === 0) return { messages, isEnd: true };
      const { client } = await this.parts.jetStream.clients();
      const consumer = client.consumers.getConsumerFromInfo(info);
      const fetched = await consumer.fetch({ max_messages: most, expires: FETCH_MS });
      let isEnd = false;
      for await (const message of fetched) {
        const { seq } = message;
        if (seq <= to) messages.push(message);
        isEnd = seq >= to || message.info.pending === 0;
        if (isEnd || messages.length === most) break;
      }
      if (messages.length === 0 && !isEnd) throw new Error('JetStream sent no messages');
      return { messages, isEnd };
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
  const header = headerOf(headers);
  if (header === undefined) return undefined;
  const { epoch, sequence } = place;
  return {
    position: { epoch, offset: sequence },
    // Every message of the stream is a change.
    previous: sequence - 1,
    id: textOf(place.id),
    key: keyIn(subject),
    isRemoval: header.isRemoval,
    // Copied, because a room's newest messages would keep the client's read buffers in memory.
    bytes: Buffer.from(data),
    ageMs,
  };
}

export function headerOf(headers: MsgHdrs | undefined) {
  return decodeHeader(headers?.get(STATE_HEADER));
}
