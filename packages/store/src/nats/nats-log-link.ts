import { Buffer } from 'node:buffer';
import type { BusSubscription } from '@headrace/bus';
import { EncodeError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { JetStreamManager, NextMsgRequest } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import { liveSubject } from '../contract/live-subject.ts';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../contract/log.ts';
import { LiveOrder } from './live-order.ts';
import type { CopyPlace } from './nats-copies.ts';
import { acknowledgementIn, plainText, sequenceIn, textOf, tooLong } from './nats-jet-stream.ts';
import { commonOf, epochOf, NatsStore, randomText } from './nats-store.ts';
import type { NatsStoreParts } from './nats-store-parts.ts';
import { memoryOf } from './stream-memory.ts';
import { type StreamMessage, StreamReading } from './stream-reading.ts';

const STREAM = /^(hr\.([A-Za-z0-9_-]+))\.d\.([A-Za-z0-9_-]+)$/;
/** Maximum size of a page. A page always contains at least one message. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** Maximum time for JetStream to answer an append. The writer gives up long before. */
const ANSWER_MS = 10_000;
/** Maximum number of bytes of an append's headers, besides the id. */
const HEADERS_BYTES = 256;

/** The stream of an app. */
interface StoredStream {
  readonly store: NatsStore;
  readonly reading: StreamReading;
}

/** A group in the stream of its app. */
interface StoredGroup extends StoredStream {
  readonly token: string;
}

/** Durable groups in JetStream: one stream for each app. */
export class NatsLogLink implements LogLink {
  private readonly parts: NatsStoreParts;
  private readonly streams = new Map<string, StoredStream>();
  private readonly groups = new Map<string, StoredGroup>();

  constructor(parts: NatsStoreParts) {
    this.parts = parts;
  }

  async open(stream: string, limits: LogLimits): Promise<void> {
    const { store } = await this.groupOf(stream);
    if (!(await store.open(limits))) this.parts.copies.madeAnew(store);
  }

  async append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const group = this.groups.get(stream);
    if (group?.store.epoch === undefined) throw new Error(`${stream} is not open`);
    const { store, token } = group;
    const { jetStream } = this.parts;
    const headers = jetStream.headers();
    const own = idIn(token, id);
    headers.set('Nats-Msg-Id', own);
    const most = jetStream.maxBytes - HEADERS_BYTES - id.length * 4;
    if (bytes.byteLength > most) throw tooLong(bytes.byteLength, most);
    const message = await jetStream.publish(stream, bytes, headers, ANSWER_MS);
    try {
      const offset = sequenceIn(acknowledgementIn(message));
      store.saw(offset, own);
      return { epoch: store.epoch!, offset };
    } catch (thrown) {
      if (!(thrown instanceof EncodeError)) store.doubt();
      throw toError(thrown);
    }
  }

  async read(stream: string, after: number, limit: number): Promise<LogPage> {
    const group = await this.groupOf(stream);
    const { store } = group;
    const { streams } = (await this.parts.jetStream.clients()).manager;
    const query: Required<NextMsgRequest> = { seq: 1, next_by_subj: stream };
    const [oldest, newest, info] = await Promise.all([
      streams.getMessage(store.name, query),
      streams.getMessage(store.name, { last_by_subj: stream }),
      streams.info(store.name),
    ]);
    const epoch = epochOf(info);
    const common = commonOf(info);
    if (store.epoch !== undefined && store.epoch !== epoch) {
      this.parts.copies.madeAnew(store);
      throw new Error(`the JetStream stream ${store.name} has another epoch`);
    }
    if (oldest === null || newest === null) {
      // The last entry of this group is unknown, but it is not after the last entry of the whole stream.
      return { epoch, entries: [], first: 0, last: info.state.last_seq, common };
    }
    const { seq: first } = oldest;
    const { seq: last } = newest;
    const entries =
      after >= last || limit < 1
        ? []
        : await this.entries(group, { stream, after, last, limit, epoch });
    return { epoch, entries, first, last, common };
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    const { copies, clock } = this.parts;
    const opened = this.openedStoreOf(stream);
    return copies.follow(
      liveSubject(stream),
      opened,
      (place, message) => liveEntry(this.groups.get(stream)!.token, place, message),
      new LiveOrder(clock, listener),
    );
  }

  // --- parts ---

  /** Resolves with the store once it is open. Waits without limit for a call of `open`. */
  private async openedStoreOf(stream: string): Promise<NatsStore> {
    const { store } = await this.groupOf(stream);
    await store.opened;
    return store;
  }

  private async groupOf(stream: string): Promise<StoredGroup> {
    const known = this.groups.get(stream);
    if (known !== undefined) return known;
    const [, prefix, app, token] = STREAM.exec(stream) ?? [];
    if (prefix === undefined || app === undefined || token === undefined) {
      throw new Error(`${stream} is not a name of a stream: it looks like hr.<app>.d.<group>`);
    }
    const { manager } = await this.parts.jetStream.clients();
    const name = `hr_${app}`;
    let stored = this.streams.get(name);
    if (stored === undefined) {
      const { jetStream, clock } = this.parts;
      const reading = new StreamReading({ jetStream, name, clock });
      stored = { store: this.storeOf(manager, name, prefix), reading };
      this.streams.set(name, stored);
    }
    const group = this.groups.get(stream) ?? { ...stored, token };
    this.groups.set(stream, group);
    return group;
  }

  private storeOf(manager: JetStreamManager, name: string, prefix: string): NatsStore {
    const { connection, copies, replicas, maxBytes, memories, warn, clock } = this.parts;
    const notices = `${prefix}.l.epoch`;
    const store = new NatsStore(manager, {
      ...{ name, subjects: `${prefix}.d.>`, copies: `${prefix}.l.>`, groups: 'durable groups' },
      ...{ replicas, maxBytes, memory: memoryOf(memories, name), warn, clock, randomText },
      announce: () => connection.publish(notices),
    });
    copies.watch(store, notices);
    return store;
  }

  private async entries(
    { store, reading, token }: StoredGroup,
    { stream, after, last, limit, epoch }: PageRequest,
  ): Promise<LogEntry[]> {
    const { messages } = await reading.read({
      // Includes the message before, to check that it still exists.
      ...{ subject: stream, after: Math.max(0, after - 1), to: last },
      ...{ most: limit + 1, maxBytes: MAX_PAGE_BYTES },
    });
    let previous = 0;
    return messages
      .flatMap((message) => {
        const { seq } = message;
        const before = previous;
        previous = seq;
        if (seq <= after) return [];
        store.saw(seq, message.headers?.get('Nats-Msg-Id') ?? '');
        return storedEntry(message, { epoch, offset: seq }, before, token);
      })
      .slice(0, limit);
  }
}

interface PageRequest {
  readonly stream: string;
  readonly after: number;
  readonly last: number;
  readonly limit: number;
  readonly epoch: string;
}

function storedEntry(
  message: StreamMessage,
  position: LogPosition,
  previous: number,
  token: string,
): LogEntry {
  const id = idOf(token, message.headers?.get('Nats-Msg-Id') ?? '');
  return { position, previous, id, bytes: Buffer.from(message.data) };
}

function liveEntry(
  token: string,
  { epoch, sequence, previous, id }: CopyPlace,
  message: Msg,
): LogEntry {
  const position = { epoch, offset: sequence };
  // Copied, because a room's newest messages would keep the client's read buffers in memory.
  return { position, previous, id: idOf(token, id), bytes: Buffer.from(message.data) };
}

/**
 * Makes an id for a JetStream header. Ids apply to the whole stream, so the group comes first. Special characters are encoded.
 */
function idIn(token: string, id: string): string {
  return `${token}/${plainText(id)}`;
}

function idOf(token: string, text: string): string {
  return textOf(text.slice(token.length + 1));
}
