import { Buffer } from 'node:buffer';
import { EncodeError, type Logger, stderrLogger, systemClock, type Timer } from '@headrace/core';
import {
  describeOptions,
  importPeer,
  LOGGER,
  number,
  text,
  toError,
  value,
  whole,
} from '@headrace/core/authoring';
import type {
  JetStreamClient,
  JetStreamManager,
  StoredMsg,
  StreamConfig,
} from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import type { AppendPlace, LoggedSession, SessionLog } from './session-log.ts';

/** Options of {@link jetStreamSessionLog}. */
export interface JetStreamSessionLogOptions {
  /** Client that is already connected, and reconnects by itself. */
  readonly connection: NatsConnection;
  /** Time that JetStream keeps a record, in milliseconds. @default 600000 */
  readonly keepMs?: number;
  /**
   * Name of the JetStream stream, which is created if it does not exist. Allowed are letters, digits, `-` and `_`. The subjects
   * are `hr.<name>.<id>`.
   * @default 'hr_lasting'
   */
  readonly stream?: string;
  /**
   * Number of servers of a NATS cluster that store the records. The number of an existing stream is raised, and never lowered.
   * @default 1
   */
  readonly replicas?: number;
  /**
   * Maximum size of the stream, in bytes, for accounts that demand one (`max_bytes_required`). A full stream stores no further
   * record. The size of an existing stream is raised, and never lowered.
   * @default no limit
   */
  readonly maxBytes?: number;
  /** Receives a line if the stream has another number of replicas. @default a logger that writes to stderr */
  readonly logger?: Logger;
}

const OPTIONS = describeOptions('jetStreamSessionLog', {
  connection: value<NatsConnection, { readonly required: true }>(
    'a connection to NATS',
    (given) => typeof (given as Partial<NatsConnection> | null)?.publish === 'function',
    { required: true },
  ),
  keepMs: number({ min: 1000, default: 600_000 }),
  stream: text('letters, digits, - and _', { default: 'hr_lasting' }),
  replicas: whole({ min: 1, max: 5, default: 1 }),
  maxBytes: whole({ min: 1 }),
  logger: LOGGER,
});

const INSTALL = 'npm install @nats-io/transport-node @nats-io/jetstream';
const NANOSECONDS = 1e6;
/** Error codes of JetStream. */
const MESSAGE_EXCEEDS_MAXIMUM = 10054;
const NAME_IN_USE = 10058;
const NEEDS_MAX_BYTES = 10113;
const NO_LIMIT = -1;
const NOT_FOUND = 10059;
const WRONG_SEQUENCE = 10071;
/** Header that removes the earlier records of the subject. */
const ROLLUP = 'Nats-Rollup';
/** Header with the sequence number of the subject's record before, which JetStream checks and keeps. */
const BEFORE = 'Nats-Expected-Last-Subject-Sequence';
/** Maximum number of bytes of a message's headers. */
const HEADERS_BYTES = 1024;
/** Header with the sequence numbers of the records before it, see {@link earlierOf}. */
const EARLIER = 'Headrace-Earlier';
/** Maximum number of them. */
const MAX_EARLIER = 16;
/** Time after which a request without an answer is sent again. It doubles up to a maximum, so that a busy server gets few requests twice. */
const ASK_AGAIN_MS = 500;
const MAX_ASK_AGAIN_MS = 2000;
/** Time until a request is not sent again. NATS elects a leader within 9 s. */
const ASK_MS = 10_000;
/** The subject of records that no channel has. An id has no such character. */
const MARK = '$';
const NOTHING = new Uint8Array();
/** Maximum number of reads whose records are removed meanwhile. */
const MAX_READS = 3;

type Stored = Pick<StoredMsg, 'seq' | 'data' | 'header'>;

interface Client {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly headers: () => MsgHdrs;
}

class JetStreamSessionLog implements SessionLog {
  readonly keepMs: number;
  private readonly connection: NatsConnection;
  private readonly stream: string;
  private readonly replicas: number;
  private readonly wantsReplicas: boolean;
  private readonly maxBytes: number | undefined;
  private readonly logger: Logger;
  /** Lines that were logged. */
  private readonly lines = new Set<string>();
  private opening: Promise<Client> | undefined = undefined;
  /** Whether several servers store the stream. */
  private isReplicated = false;
  /** The last mark that was sent, and the next one. */
  private sent: Promise<unknown> = Promise.resolve();
  private next: Promise<unknown> | undefined = undefined;

  constructor(options: JetStreamSessionLogOptions) {
    const { connection, keepMs, stream, replicas, maxBytes, logger } = OPTIONS.resolve(options);
    this.connection = connection as NatsConnection;
    this.keepMs = keepMs;
    this.stream = stream;
    this.replicas = replicas;
    this.maxBytes = maxBytes;
    this.wantsReplicas = options.replicas !== undefined;
    this.logger = logger ?? stderrLogger();
  }

  async read(id: string): Promise<LoggedSession | undefined> {
    const client = await this.opened();
    if (this.isReplicated) await this.caughtUp(client);
    for (let tries = 0; tries < MAX_READS; tries += 1) {
      const last = await this.lastOf(client, id);
      if (last === undefined) return undefined;
      // Most channels are idle and have only this record.
      if (isWhole(last.header))
        return { records: [Buffer.from(last.data)], revision: String(last.seq) };
      const found = await this.readBack(client, last);
      if (found !== undefined) return found;
    }
    throw new Error(`the stream ${this.stream} gave none of the records that it has of ${id}`);
  }

  /**
   * Resolves when the leader of the stream knows all records that were acknowledged before this call. A server that has just become
   * the leader answers reads before that, and a channel would be taken for gone. A mark that the leader stores comes after those
   * records. Reads share a mark.
   */
  private caughtUp({ client, headers }: Client): Promise<unknown> {
    this.next ??= this.sent.then(() => {
      this.next = undefined;
      const replaces = headers();
      replaces.set(ROLLUP, 'sub');
      const marking = answerTo(() =>
        client.publish(this.subjectOf(MARK), NOTHING, { headers: replaces }),
      );
      this.sent = marking.catch(() => {});
      return marking;
    });
    return this.next;
  }

  /**
   * Reads the records before this one by their sequence numbers, which the records after them have in a header: a server finds them
   * at once, and would have to search for a record by its subject among the records of all other channels. A consumer for each
   * channel would need a leader, which takes long when many channels are read after a server has died. Returns `undefined` if the
   * records were removed meanwhile.
   */
  private async readBack({ manager }: Client, last: Stored): Promise<LoggedSession | undefined> {
    const found: Stored[] = [last];
    while (!isWhole(found[0]!.header)) {
      const earlier = earlierOf(found[0]!.header);
      const read = (seq: number) => manager.streams.getMessage(this.stream, { seq });
      const all = await Promise.all(earlier.map((seq) => answerTo(() => read(seq))));
      if (all.length === 0 || all.includes(null)) return undefined;
      found.unshift(...(all as Stored[]));
    }
    return {
      records: found.map(({ data }) => Buffer.from(data)),
      revision: revisionOf(found.map(({ seq }) => seq)),
    };
  }

  async append(
    id: string,
    record: Uint8Array,
    { after, replaces }: AppendPlace,
  ): Promise<string | undefined> {
    const most = (this.connection.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADERS_BYTES;
    if (record.length > most) {
      throw neverStored(
        record.length,
        `NATS takes ${most}: lower creditBytes of the ResumeTable, or raise max_payload of NATS`,
      );
    }
    const opening = this.opened();
    const client = await opening;
    const headers = client.headers();
    const earlier = numbersIn(after);
    if (replaces) headers.set(ROLLUP, 'sub');
    else headers.set(EARLIER, earlier.join());
    const revisionAt = (seq: number) => revisionOf(replaces ? [seq] : [...earlier, seq]);
    const expect = { lastSubjectSequence: earlier.at(-1) ?? 0 };
    try {
      const { seq } = await client.client.publish(this.subjectOf(id), record, {
        headers,
        expect,
        retries: 0,
      } as never);
      return revisionAt(seq);
    } catch (thrown) {
      if (codeOf(thrown) === MESSAGE_EXCEEDS_MAXIMUM) {
        throw neverStored(record.length, `its stream ${this.stream} takes less (max_msg_size)`);
      }
      if (codeOf(thrown) !== WRONG_SEQUENCE) {
        // The stream may have been removed. The first append that detects this opens the stream
        // again, for all appends.
        if (this.opening === opening) this.opening = undefined;
        throw thrown;
      }
      const last = await this.lastOf(client, id);
      return last !== undefined && Buffer.from(last.data).equals(record)
        ? revisionAt(last.seq)
        : undefined;
    }
  }

  async remove(id: string, after: string): Promise<void> {
    const client = await this.opened();
    const last = await this.lastOf(client, id);
    if (last === undefined || last.seq !== numbersIn(after).at(-1)) return;
    await client.manager.streams.purge(this.stream, {
      filter: this.subjectOf(id),
      seq: last.seq + 1,
    });
  }

  private async lastOf({ manager }: Client, id: string): Promise<Stored | undefined> {
    const last = { last_by_subj: this.subjectOf(id) };
    return (await answerTo(() => manager.streams.getMessage(this.stream, last))) ?? undefined;
  }

  private subjectOf(id: string): string {
    return `hr.${this.stream}.${id}`;
  }

  private opened(): Promise<Client> {
    this.opening ??= this.open().catch((thrown: unknown) => {
      this.opening = undefined;
      throw thrown;
    });
    return this.opening;
  }

  private async open(): Promise<Client> {
    const { connection } = this;
    const { jetstream, jetstreamManager } = await importPeer(
      '@nats-io/jetstream',
      INSTALL,
      () => import('@nats-io/jetstream'),
    );
    const { headers } = await importPeer(
      '@nats-io/transport-node',
      INSTALL,
      () => import('@nats-io/transport-node'),
    );
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const wanted: Partial<StreamConfig> & { name: string } = {
      name: this.stream,
      subjects: [this.subjectOf('*')],
      storage: 'file' as StreamConfig['storage'],
      num_replicas: this.replicas,
      max_age: Math.ceil(this.keepMs) * NANOSECONDS,
      max_bytes: this.maxBytes ?? NO_LIMIT,
      // No channel loses its records to others.
      ...(this.maxBytes !== undefined && { discard: 'new' as StreamConfig['discard'] }),
      allow_rollup_hdrs: true,
    };
    // The leader of the stream answers. A stream is created by the leader of the cluster, which can be absent at the same time.
    let present = await this.find(manager);
    if (present === undefined) {
      try {
        await manager.streams.add(wanted);
      } catch (thrown) {
        present = codeOf(thrown) === NAME_IN_USE ? await this.find(manager) : undefined;
        if (present === undefined) throw explained(thrown);
      }
    }
    if (present !== undefined) await this.join(manager, wanted, present);
    this.isReplicated = Math.max(this.replicas, present?.num_replicas ?? 1) > 1;
    return { client: jetstream(connection), manager, headers };
  }

  private async find(manager: JetStreamManager): Promise<StreamConfig | undefined> {
    try {
      return (await answerTo(() => manager.streams.info(this.stream))).config;
    } catch (thrown) {
      if (codeOf(thrown) === NOT_FOUND) return undefined;
      throw thrown;
    }
  }

  /**
   * Uses a stream that another process has created with other settings. The longer age and the higher number of replicas apply, and
   * no maximum number of records for each channel. A server that cannot have so many replicas does not stop the log.
   */
  private async join(
    manager: JetStreamManager,
    { max_age, max_bytes, allow_rollup_hdrs }: Partial<StreamConfig>,
    config: StreamConfig,
  ): Promise<void> {
    const { stream, replicas } = this;
    const subject = this.subjectOf('*');
    // A mirror has no subjects.
    if (config.subjects?.some((its) => covers(its, subject)) !== true) {
      throw new Error(
        `the JetStream stream ${stream} is not of lasting channels: it stores ${config.subjects}, not ${subject}`,
      );
    }
    if (config.retention !== 'limits') {
      throw new Error(
        `the JetStream stream ${stream} has the retention ${config.retention}, which removes records: it must be limits`,
      );
    }
    const change = {
      ...config,
      max_msgs_per_subject: -1,
      no_ack: false,
      allow_rollup_hdrs: allow_rollup_hdrs!,
      max_age: Math.max(config.max_age, max_age!),
      max_bytes: config.max_bytes < 0 ? config.max_bytes : Math.max(config.max_bytes, max_bytes!),
    };
    const present = config.num_replicas;
    const line = `the JetStream stream ${stream} has ${present} replicas, and this process wants ${replicas}`;
    if (this.wantsReplicas && replicas < present)
      this.warnOnce(`${line}: replicas are never lowered`);
    if (replicas > present) {
      try {
        await manager.streams.update(stream, { ...change, num_replicas: replicas });
        this.warnOnce(`${line}: they were added`);
        return;
      } catch (thrown) {
        this.warnOnce(`${line}: ${toError(thrown).message}`);
      }
    }
    const isSame =
      config.allow_rollup_hdrs &&
      config.max_age === change.max_age &&
      config.max_bytes === change.max_bytes &&
      config.max_msgs_per_subject === change.max_msgs_per_subject &&
      config.no_ack !== true;
    if (!isSame) await manager.streams.update(stream, change);
  }

  private warnOnce(line: string): void {
    if (this.lines.has(line)) return;
    this.lines.add(line);
    this.logger.log('warn', line);
  }
}

/**
 * Sends a request again while no answer arrives, and resolves with the first answer. While servers elect a leader, they drop
 * requests, and a request that was dropped would wait for its time-out. A slow server may still answer the first request.
 */
function answerTo<T>(request: () => Promise<T>): Promise<T> {
  const endAt = systemClock.now() + ASK_MS;
  return new Promise((resolve, reject) => {
    let open = 0;
    let waitMs = ASK_AGAIN_MS;
    let timer: Timer | undefined;
    const settle = (act: () => void): void => {
      timer?.cancel();
      act();
    };
    const ask = (): void => {
      open += 1;
      timer = undefined;
      if (systemClock.now() < endAt) timer = systemClock.schedule(ask, waitMs);
      waitMs = Math.min(waitMs * 2, MAX_ASK_AGAIN_MS);
      request().then(
        (answer) => settle(() => resolve(answer)),
        (thrown: Error) => {
          open -= 1;
          const mayCome = thrown.name === 'TimeoutError' && (open > 0 || timer !== undefined);
          if (!mayCome) settle(() => reject(thrown));
        },
      );
    };
    ask();
  });
}

/**
 * A revision has the sequence numbers of the newest records since the whole one, so that the next record can name them. All of them
 * are read at the same time.
 */
function revisionOf(seqs: readonly number[]): string {
  return seqs.slice(-MAX_EARLIER).join();
}

function numbersIn(list: string | undefined): readonly number[] {
  return list === undefined ? [] : list.split(',').map(Number);
}

/** Returns the numbers of the records before a record. An earlier version named only one of them. */
function earlierOf(headers: MsgHdrs | undefined): readonly number[] {
  return numbersIn(headers?.get(EARLIER) || headers?.get(BEFORE)).filter((seq) => seq > 0);
}

/** Returns true if the record replaced the records before it. */
function isWhole(headers: MsgHdrs | undefined): boolean {
  return headers?.get(ROLLUP) === 'sub';
}

/** Returns the error of a stream that could not be made, with the option that it needs. */
function explained(thrown: unknown): Error {
  const error = toError(thrown);
  if (codeOf(thrown) !== NEEDS_MAX_BYTES) return error;
  return new Error(`${error.message}: set maxBytes of jetStreamSessionLog`, { cause: thrown });
}

function neverStored(bytes: number, why: string): EncodeError {
  const text = `the record of a lasting channel has ${bytes} bytes, and ${why}`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { bytes });
}

/** Returns true if a subject with wildcards, such as `a.*` or `a.>`, has all subjects of the other one. */
function covers(pattern: string, subject: string): boolean {
  const [tokens, wanted] = [pattern.split('.'), subject.split('.')];
  return tokens.every((token, at) => {
    if (token === '>') return at < wanted.length;
    const isLast = at < tokens.length - 1 || tokens.length === wanted.length;
    return isLast && (token === '*' || token === wanted[at]);
  });
}

function codeOf(thrown: unknown): number | undefined {
  return (thrown as { readonly code?: number }).code;
}

/**
 * Returns a log that keeps lasting channels in JetStream (nats-server 2.9 or later). All channels share one stream, each with its
 * own subject. A record is acknowledged when a majority of the `replicas` has stored it. A record can take three times the
 * `creditBytes` of the table, plus held messages and the state of `save`. For a client that writes without reading, a record can
 * take four times the `creditBytes` plus twice the channel's `maxOutboundBytes`. If a record exceeds the `max_payload` of NATS
 * (default 1 MiB) or the `max_msg_size` of the stream, its channel ends with `MESSAGE_TOO_LONG`. Use a `creditBytes` of 262144, or
 * raise `max_payload`. A stream that exists already must store these subjects, with the retention `limits`. Connect with
 * `noAsyncTraces`, since NATS's client otherwise takes two stacks for each record, in case it fails.
 *
 * @throws OptionError if an option is not valid
 * @example
 * ```ts check
 * import { ResumeTable } from '@headrace/lasting';
 * import { jetStreamSessionLog } from '@headrace/lasting/nats';
 * import { connect } from '@nats-io/transport-node';
 *
 * const connection = await connect({
 *   servers: 'nats://127.0.0.1:4222',
 *   maxReconnectAttempts: -1,
 *   noAsyncTraces: true,
 * });
 * const log = jetStreamSessionLog({ connection, replicas: 3 });
 * const table = new ResumeTable({ log, creditBytes: 262_144 });
 * ```
 */
export function jetStreamSessionLog(options: JetStreamSessionLogOptions): SessionLog {
  return new JetStreamSessionLog(options);
}
