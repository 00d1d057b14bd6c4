import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { type Clock, EncodeError } from '@headrace/core';
import { importPeer, toError } from '@headrace/core/authoring';
import type { JetStreamClient, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../../log/log.ts';
import type { BusSubscription } from '../bus.ts';
import { liveSubject } from '../subject.ts';
import { LiveOrder } from './live-order.ts';
import type { NatsInbox, NatsPeer } from './nats-inbox.ts';
import { INSTALL_NATS } from './nats-install.ts';
import { commonOf, epochOf, NatsStore } from './nats-store.ts';
import { StreamMemory } from './stream-memory.ts';

const STREAM = /^(hr\.([A-Za-z0-9_-]+))\.d\.([A-Za-z0-9_-]+)$/;
const PLAIN = /^[A-Za-z0-9_.:-]{1,128}$/;
/** Maximum size of a page. A page always contains at least one message. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** Maximum number of live copies that wait until their epoch is known. */
const MAX_HELD = 1024;
/** Maximum time for JetStream to answer an append. The writer gives up long before. */
const ANSWER_MS = 10_000;
/** Maximum number of bytes of an append's headers, besides the id. */
const HEADERS_BYTES = 256;
/** Error code of JetStream for a message that is longer than the stream accepts. */
const MESSAGE_EXCEEDS_MAXIMUM = 10054;
/** Minimum time between two questions for a stream's creation time. */
const ASK_EVERY_MS = 1000;

/** The parts of a {@link NatsLogLink}. */
export interface NatsLogLinkParts {
  readonly connection: NatsConnection;
  readonly peer: NatsPeer;
  readonly inbox: NatsInbox;
  readonly replicas: number | undefined;
  /** What earlier links have seen of each stream. */
  readonly memories: Map<string, StreamMemory>;
  readonly clock: Clock;
  /** Writes a line to the log of this process. */
  readonly warn: (text: string) => void;
  readonly lose: (cause: Error) => void;
}

interface JetStream {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly startAt: (sequence: number) => { deliver_policy: never; opt_start_seq: number };
}

/** A group in the stream of its app. */
interface StoredGroup {
  readonly store: NatsStore;
  readonly token: string;
}

/** JetStream's answer to an append. */
interface Acknowledgement {
  readonly seq?: number;
  readonly error?: { readonly description?: string; readonly err_code?: number };
}

/** Durable groups in JetStream: one stream for each app. */
export class NatsLogLink implements LogLink {
  private readonly parts: NatsLogLinkParts;
  private readonly stores = new Map<string, NatsStore>();
  private readonly groups = new Map<string, StoredGroup>();
  private jetStream: Promise<JetStream> | undefined = undefined;
  /** The sequence of the last live copy of each app's stream. */
  private readonly lastSequences = new Map<NatsStore, number>();
  /** Streams whose creation time was asked for recently. The value is true if the time must be requested again. */
  private readonly suspected = new Map<NatsStore, boolean>();

  constructor(parts: NatsLogLinkParts) {
    this.parts = parts;
  }

  async open(stream: string, limits: LogLimits): Promise<void> {
    const { store } = await this.groupOf(stream);
    if (!(await store.open(limits))) this.madeAnew(store);
  }

  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    const group = this.groups.get(stream);
    if (group?.store.epoch === undefined) return Promise.reject(new Error(`${stream} is not open`));
    const { connection, peer, inbox, clock } = this.parts;
    const headers = peer.headers();
    headers.set('Nats-Msg-Id', idIn(group.token, id));
    const most =
      (connection.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADERS_BYTES - id.length * 4;
    if (bytes.byteLength > most) return Promise.reject(tooLong(bytes.byteLength, most));
    return new Promise((resolve, reject) => {
      const { reply, forget } = inbox.expect((message) => {
        timer.cancel();
        try {
          const offset = sequenceIn(message);
          group.store.saw(offset, idIn(group.token, id));
          resolve({ epoch: group.store.epoch!, offset });
        } catch (thrown) {
          if (!(thrown instanceof EncodeError)) group.store.doubt();
          reject(toError(thrown));
        }
      });
      const timer = clock.schedule(() => {
        forget();
        reject(new Error(`JetStream has not answered for ${ANSWER_MS} ms`));
      }, ANSWER_MS);
      try {
        connection.publish(stream, bytes, { headers, reply });
      } catch (thrown) {
        timer.cancel();
        forget();
        reject(toError(thrown));
      }
    });
  }

  async read(stream: string, after: number, limit: number): Promise<LogPage> {
    const { store, token } = await this.groupOf(stream);
    const jetStream = await this.jetStreamOf();
    const { streams } = jetStream.manager;
    const [oldest, newest, info] = await Promise.all([
      // The server knows `next_by_subj` with `seq`, but the type does not.
      streams.getMessage(store.name, { seq: 1, next_by_subj: stream } as { seq: number }),
      streams.getMessage(store.name, { last_by_subj: stream }),
      streams.info(store.name),
    ]);
    const epoch = epochOf(info);
    const common = commonOf(info);
    if (store.epoch !== undefined && store.epoch !== epoch) {
      this.madeAnew(store);
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
        : await this.entries(jetStream, store, { stream, token, after, last, limit, epoch });
    return { epoch, entries, first, last, common };
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    const { connection, clock } = this.parts;
    let group = this.groups.get(stream);
    let held: Msg[] | undefined = [];
    const order = new LiveOrder(clock, listener);
    const deliver = (message: Msg) => {
      const entry = group && this.liveEntry(group, message);
      if (entry !== undefined) order.take(entry);
    };
    const callback = (error: Error | null, message: Msg) => {
      if (error !== null) this.parts.lose(error);
      else if (held === undefined) deliver(message);
      else if (held.length < MAX_HELD) held.push(message);
    };
    const subscription = connection.subscribe(liveSubject(stream), { callback });
    // The live copies do not contain the epoch.
    this.openedGroupOf(stream).then(
      (known) => {
        group = known;
        const waiting = held ?? [];
        held = undefined;
        for (const message of waiting) if (!subscription.isClosed()) deliver(message);
      },
      // A missing entry is a gap, which the follower finds.
      () => {},
    );
    return {
      close: () => {
        order.close();
        subscription.unsubscribe();
      },
    };
  }

  // --- parts ---

  /** Resolves with the group once its store is open. Waits without limit for a call of `open`. */
  private async openedGroupOf(stream: string): Promise<StoredGroup> {
    const group = await this.groupOf(stream);
    await group.store.opened;
    return group;
  }

  private async groupOf(stream: string): Promise<StoredGroup> {
    const known = this.groups.get(stream);
    if (known !== undefined) return known;
    const [, prefix, app, token] = STREAM.exec(stream) ?? [];
    if (prefix === undefined || app === undefined || token === undefined) {
      throw new Error(`${stream} is not a name of a stream: it looks like hr.<app>.d.<group>`);
    }
    const { manager } = await this.jetStreamOf();
    const name = `hr_${app}`;
    let store = this.stores.get(name);
    if (store === undefined) {
      store = this.storeOf(manager, name, prefix);
      this.stores.set(name, store);
    }
    const group = this.groups.get(stream) ?? { store, token };
    this.groups.set(stream, group);
    return group;
  }

  private storeOf(manager: JetStreamManager, name: string, prefix: string): NatsStore {
    const { connection, replicas, memories, warn, clock } = this.parts;
    let memory = memories.get(name);
    if (memory === undefined) {
      memory = new StreamMemory();
      memories.set(name, memory);
    }
    const notices = `${prefix}.l.epoch`;
    const announce = () => connection.publish(notices);
    const randomText = () => randomBytes(9).toString('base64url');
    const store = new NatsStore(manager, {
      ...{ name, prefix, replicas, memory, warn, announce, randomText, clock },
    });
    // Another node has found that the stream has lost messages.
    const callback = (error: Error | null) => {
      if (error === null) this.suspect(store);
    };
    connection.subscribe(notices, { callback });
    return store;
  }

  private jetStreamOf(): Promise<JetStream> {
    this.jetStream ??= this.begin().catch((thrown: unknown) => {
      this.jetStream = undefined;
      throw toError(thrown);
    });
    return this.jetStream;
  }

  private async begin(): Promise<JetStream> {
    const { connection } = this.parts;
    const { DeliverPolicy, jetstream, jetstreamManager } = await importPeer(
      '@nats-io/jetstream',
      INSTALL_NATS,
      () => import('@nats-io/jetstream'),
    );
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const startAt = (sequence: number) => ({
      deliver_policy: DeliverPolicy.StartSequence as never,
      opt_start_seq: sequence,
    });
    return { client: jetstream(connection), manager, startAt };
  }

  private liveEntry({ store, token }: StoredGroup, message: Msg): LogEntry | undefined {
    const { headers } = message;
    const sequence = Number(headers?.get('Nats-Sequence'));
    const previous = Number(headers?.get('Nats-Last-Sequence'));
    if (headers === undefined || !(sequence > 0) || !(previous >= 0)) return undefined;
    if (sequence <= (this.lastSequences.get(store) ?? 0)) this.suspect(store);
    else this.lastSequences.set(store, sequence);
    const position = { epoch: store.epoch!, offset: sequence };
    const stored = headers.get('Nats-Msg-Id');
    const id = idOf(token, stored);
    store.sawCopy(sequence, stored);
    // Copied, because a room's newest messages would keep the client's read buffers in memory.
    return { position, previous, id, bytes: Buffer.from(message.data) };
  }

  /**
   * Checks whether the stream was made again. Called for a lower number than before, which can also be a late message of another
   * writer.
   */
  private suspect(store: NatsStore): void {
    const { suspected } = this;
    const wasAsked = suspected.has(store);
    suspected.set(store, wasAsked);
    if (wasAsked) return;
    this.parts.clock.schedule(() => {
      const isAgain = suspected.get(store);
      suspected.delete(store);
      if (isAgain) this.suspect(store);
    }, ASK_EVERY_MS);
    store.isSame().then(
      (isSame) => {
        if (!isSame) this.madeAnew(store);
      },
      // The link notices a server that does not answer.
      () => {},
    );
  }

  /** Ends the link, because its state belongs to the previous stream. */
  private madeAnew({ name }: NatsStore): void {
    this.parts.lose(new Error(`the JetStream stream ${name} was made again, or has lost messages`));
  }

  private async entries(
    { client, startAt }: JetStream,
    store: NatsStore,
    { stream, token, after, last, limit, epoch }: PageRequest,
  ): Promise<LogEntry[]> {
    const consumer = await client.consumers.get(store.name, {
      filter_subjects: stream,
      // Includes the message before, to check that it still exists.
      ...startAt(Math.max(1, after)),
    });
    const entries: LogEntry[] = [];
    try {
      const messages = await consumer.fetch({ max_messages: limit + 1, expires: 5000 });
      let previous = 0;
      let bytes = 0;
      for await (const message of messages) {
        const { seq } = message;
        if (seq > after) {
          store.saw(seq, message.headers?.get('Nats-Msg-Id') ?? '');
          entries.push(storedEntry(message, { epoch, offset: seq }, previous, token));
          bytes += message.data.byteLength;
        }
        previous = seq;
        if (seq >= last || entries.length >= limit || bytes >= MAX_PAGE_BYTES) break;
      }
    } finally {
      consumer.delete().catch(() => {});
    }
    return entries;
  }
}

interface PageRequest {
  readonly stream: string;
  readonly token: string;
  readonly after: number;
  readonly last: number;
  readonly limit: number;
  readonly epoch: string;
}

function storedEntry(
  message: JsMsg,
  position: LogPosition,
  previous: number,
  token: string,
): LogEntry {
  const id = idOf(token, message.headers?.get('Nats-Msg-Id') ?? '');
  return { position, previous, id, bytes: Buffer.from(message.data) };
}

function tooLong(length: number, max: number): EncodeError {
  const text = `a message of ${length} bytes does not fit into the log, in which NATS stores ${max}: raise max_payload of NATS`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { length, max });
}

function sequenceIn(message: Msg): number {
  if (message.headers?.code === 503)
    throw new Error('JetStream is not available: enable it in the NATS server');
  const { seq, error } = message.json<Acknowledgement>();
  if (error?.err_code === MESSAGE_EXCEEDS_MAXIMUM) {
    throw new EncodeError('MESSAGE_TOO_LONG', `JetStream stored nothing: ${error.description}`, {});
  }
  if (error !== undefined) throw new Error(`JetStream stored nothing: ${error.description}`);
  if (seq === undefined) throw new Error('JetStream returned no number');
  return seq;
}

/**
 * Makes an id for a JetStream header. Ids apply to the whole stream, so the group comes first. Special characters are encoded.
 */
function idIn(token: string, id: string): string {
  if (PLAIN.test(id)) return `${token}/p${id}`;
  return `${token}/b${Buffer.from(id, 'utf8').toString('base64url')}`;
}

function idOf(token: string, text: string): string {
  const id = text.slice(token.length + 1);
  if (id.startsWith('b')) return Buffer.from(id.slice(1), 'base64url').toString('utf8');
  return id.slice(1);
}
