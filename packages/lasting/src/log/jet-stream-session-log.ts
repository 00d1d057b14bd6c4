import { Buffer } from 'node:buffer';
import { EncodeError, type Logger, stderrLogger } from '@headrace/core';
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
  logger: LOGGER,
});

const INSTALL = 'npm install @nats-io/transport-node @nats-io/jetstream';
const NANOSECONDS = 1e6;
/** Error codes of JetStream. */
const NAME_IN_USE = 10058;
const WRONG_SEQUENCE = 10071;
/** Header that removes the earlier records of the subject. */
const ROLLUP = 'Nats-Rollup';
/** Maximum number of bytes of a message's headers. */
const HEADERS_BYTES = 1024;
/** Maximum number of reads whose records are removed meanwhile. */
const MAX_READS = 3;

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
  private readonly logger: Logger;
  /** Lines that were logged. */
  private readonly lines = new Set<string>();
  private opening: Promise<Client> | undefined = undefined;

  constructor(options: JetStreamSessionLogOptions) {
    const { connection, keepMs, stream, replicas, logger } = OPTIONS.resolve(options);
    this.connection = connection as NatsConnection;
    this.keepMs = keepMs;
    this.stream = stream;
    this.replicas = replicas;
    this.wantsReplicas = options.replicas !== undefined;
    this.logger = logger ?? stderrLogger();
  }

  async read(id: string): Promise<LoggedSession | undefined> {
    const client = await this.opened();
    for (let tries = 0; tries < MAX_READS; tries += 1) {
      const last = await this.lastOf(client, id);
      if (last === undefined) return undefined;
      // Most channels are idle and have only this record.
      if (isWhole(last.header))
        return { records: [Buffer.from(last.data)], revision: String(last.seq) };
      const found = await this.readTo(client, id, last.seq);
      if (found !== undefined) return found;
    }
    throw new Error(`the stream ${this.stream} gave none of the records that it has of ${id}`);
  }

  /**
   * Reads the records up to this sequence number, one after the other, without a consumer: its servers would have to elect a leader
   * for each consumer, which takes long when many channels are read after a server has died. Returns `undefined` if the records
   * were removed meanwhile.
   */
  private async readTo(
    { manager }: Client,
    id: string,
    lastSequence: number,
  ): Promise<LoggedSession | undefined> {
    const subject = this.subjectOf(id);
    const records: Buffer[] = [];
    let revision = 0;
    while (revision < lastSequence) {
      const next = { seq: revision + 1, next_by_subj: subject };
      const found = await manager.streams.getMessage(this.stream, next);
      if (found === null) return undefined;
      // A record that arrived meanwhile may have removed the records that were read.
      if (isWhole(found.header)) records.length = 0;
      records.push(Buffer.from(found.data));
      revision = found.seq;
    }
    return { records, revision: String(revision) };
  }

  async append(
    id: string,
    record: Uint8Array,
    { after, replaces }: AppendPlace,
  ): Promise<string | undefined> {
    const most = (this.connection.info?.max_payload ?? Number.POSITIVE_INFINITY) - HEADERS_BYTES;
    if (record.length > most) throw tooLong(record.length, most);
    const opening = this.opened();
    const client = await opening;
    const headers = client.headers();
    if (replaces) headers.set(ROLLUP, 'sub');
    const expect = { lastSubjectSequence: Number(after ?? 0) };
    try {
      const { seq } = await client.client.publish(this.subjectOf(id), record, {
        headers,
        expect,
        retries: 0,
      } as never);
      return String(seq);
    } catch (thrown) {
      if (codeOf(thrown) !== WRONG_SEQUENCE) {
        // The stream may have been removed. The first append that detects this opens the stream
        // again, for all appends.
        if (this.opening === opening) this.opening = undefined;
        throw thrown;
      }
      const last = await this.lastOf(client, id);
      return last !== undefined && Buffer.from(last.data).equals(record)
        ? String(last.seq)
        : undefined;
    }
  }

  async remove(id: string, after: string): Promise<void> {
    const client = await this.opened();
    const last = await this.lastOf(client, id);
    if (String(last?.seq) !== after) return;
    await client.manager.streams.purge(this.stream, {
      filter: this.subjectOf(id),
      seq: Number(after) + 1,
    });
  }

  private async lastOf(
    { manager }: Client,
    id: string,
  ): Promise<Pick<StoredMsg, 'seq' | 'data' | 'header'> | undefined> {
    const subject = this.subjectOf(id);
    const found = await manager.streams.getMessage(this.stream, { last_by_subj: subject });
    return found ?? undefined;
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
      allow_rollup_hdrs: true,
    };
    try {
      await manager.streams.add(wanted);
    } catch (thrown) {
      if (codeOf(thrown) !== NAME_IN_USE) throw thrown;
      await this.join(manager, wanted);
    }
    return { client: jetstream(connection), manager, headers };
  }

  /**
   * Uses a stream that another process has created with other settings. The longer age and the higher number of replicas apply. A
   * server that cannot have so many replicas does not stop the log.
   */
  private async join(
    manager: JetStreamManager,
    { max_age, allow_rollup_hdrs }: Partial<StreamConfig>,
  ): Promise<void> {
    const { stream, replicas } = this;
    const { config } = await manager.streams.info(stream);
    const change = {
      ...config,
      allow_rollup_hdrs: allow_rollup_hdrs!,
      max_age: Math.max(config.max_age, max_age!),
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
    await manager.streams.update(stream, change);
  }

  private warnOnce(line: string): void {
    if (this.lines.has(line)) return;
    this.lines.add(line);
    this.logger.log('warn', line);
  }
}

/** Returns true if the record replaced the records before it. */
function isWhole(headers: MsgHdrs | undefined): boolean {
  return headers?.get(ROLLUP) === 'sub';
}

function tooLong(bytes: number, most: number): EncodeError {
  const text = `the record of a lasting channel has ${bytes} bytes, and NATS takes ${most}: lower creditBytes of the ResumeTable, or raise max_payload of NATS`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { bytes, most });
}

function codeOf(thrown: unknown): number | undefined {
  return (thrown as { readonly code?: number }).code;
}

/**
 * Returns a log that keeps lasting channels in JetStream (nats-server 2.9 or later). All channels share one stream, each with its
 * own subject. A record is acknowledged when a majority of the `replicas` has stored it. A record can take three times the
 * `creditBytes` of the table, plus held messages and the state of `save`. For a client that writes without reading, a record can
 * take four times the `creditBytes` plus twice the channel's `maxOutboundBytes`. If a record exceeds the `max_payload` of NATS
 * (default 1 MiB), its channel ends with `MESSAGE_TOO_LONG`. Use a `creditBytes` of 262144, or raise `max_payload`.
 *
 * @throws OptionError if an option is not valid
 * @example
 * ```ts check
 * import { ResumeTable } from '@headrace/lasting';
 * import { jetStreamSessionLog } from '@headrace/lasting/nats';
 * import { connect } from '@nats-io/transport-node';
 *
 * const connection = await connect({ servers: 'nats://127.0.0.1:4222', maxReconnectAttempts: -1 });
 * const log = jetStreamSessionLog({ connection, replicas: 3 });
 * const table = new ResumeTable({ log, creditBytes: 262_144 });
 * ```
 */
export function jetStreamSessionLog(options: JetStreamSessionLogOptions): SessionLog {
  return new JetStreamSessionLog(options);
}
