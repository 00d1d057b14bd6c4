import type { Buffer } from 'node:buffer';
import type { BusSubscription, PublishOutcome } from '@headrace/bus';
import type { Cluster, MessageCodec } from '@headrace/cluster';
import { decodeBody } from '@headrace/cluster/authoring';
import { type Clock, type Logger, type Timer } from '@headrace/core';
import {
  describeOptions,
  fn,
  isPromiseLike,
  number,
  object,
  onceAfterEvent,
  RecentMap,
  toError,
  whenSettled,
} from '@headrace/core/authoring';
import {
  decodeConfirmations,
  decodeFrame,
  encodeFrame,
  FLAG,
  frameOf,
  type GatewayFrame,
  OP,
  TELL_EVERY_MS,
} from './gateway-frame.ts';
import { type GatewayCluster, type GatewayPort, portOfNode } from './gateway-port.ts';
import { GatewaySession, type SessionJob } from './gateway-session.ts';
import { type GatewayAttributes, WorkerConnection } from './worker-connection.ts';

/** Options of a {@link Worker}. The functions of one connection run one after the other: each promise is awaited. */
export interface WorkerOptions<Message = unknown> {
  /** The node of the worker. */
  readonly cluster: Cluster<never> | GatewayCluster;
  /** Called when this worker receives a connection. `moved` is true if another worker had the connection before. */
  readonly onConnect?: (
    connection: WorkerConnection<Message>,
    how: { readonly moved: boolean },
  ) => void | Promise<void>;
  /**
   * Called with each message of a connection, in order. The message is acknowledged when this function returns, or its promise
   * resolves. With `delivery: 'acknowledged'`, `repeated` is true if a worker that is gone may have handled the message.
   */
  readonly onMessage: (
    connection: WorkerConnection<Message>,
    message: Message,
    how: { readonly repeated: boolean },
  ) => void | Promise<void>;
  /**
   * Called once after each `onConnect`, when this worker loses the connection. `reason` is the close reason of the channel,
   * `moved` if another worker has the connection now, or `gateway-gone` if the node of the gateway is gone. `lost` is the number of
   * its writes and closes that did not reach the gateway, with `delivery: 'acknowledged'`. The next worker of a connection that moved
   * receives the messages that they answered, if the gateway has not all answers to them.
   */
  readonly onClose?: (
    connection: WorkerConnection<Message>,
    how: { readonly reason: string; readonly lost: number },
  ) => void | Promise<void>;
  /** Format of messages on the bus. The gateways must use the same format. @default bytes, texts, JSON */
  readonly codec?: MessageCodec<Message>;
  /**
   * Maximum size of the answers of one connection that its gateway has not confirmed, in bytes. From half of it on, the next message of
   * the connection waits. A write that does not fit is dropped and counted. Only with `delivery: 'acknowledged'`.
   * @default 4194304
   */
  readonly maxUnconfirmedBytes?: number;
}

/** Time without a frame after which a worker asks whether a connection still exists. */
const AUDIT_MS = 300_000;

const OPTIONS = describeOptions('Worker', {
  cluster: object('what Cluster.join gave', { required: true }),
  onConnect: fn({ answers: 'async', purpose: 'begins with a connection' }),
  onMessage: fn({ answers: 'async', required: true, purpose: 'handles one message' }),
  onClose: fn({ answers: 'async', purpose: 'ends with a connection' }),
  codec: object('a codec with encode and decode'),
  maxUnconfirmedBytes: number({ min: 1, default: 4 * 1024 * 1024 }),
});

/** Limit of remembered gateways. A restarted gateway has a new id, so old ids do not return. */
const MAX_LEFT = 1000;

interface WorkerEntry {
  readonly connection: WorkerConnection;
  readonly session: GatewaySession;
  /** Whether a job is under way, or an earlier session of the same connection is still ending. */
  isBusy: boolean;
  heardAt: number;
  onOver: (() => void) | undefined;
}

/**
 * Runs the logic for connections that gateways hold, on other nodes or on this node.
 *
 * If a function throws, the error is logged and the message counts as answered, because a repetition would fail again.
 *
 * @see GatewayWorker's `BusinessWorker`
 */
export class Worker<Message = unknown> {
  private readonly options: WorkerOptions<Message>;
  private readonly port: GatewayPort;
  private readonly clock: Clock;
  private readonly logger: Logger;
  /** The entries by gateway, then by connection. */
  private readonly entries = new Map<string, Map<number, WorkerEntry>>();
  private readonly subscription: BusSubscription;
  private readonly due = new Set<WorkerEntry>();
  private readonly flushSoon = onceAfterEvent<GatewayPort>(() => this.flush());
  /** Gateways that were considered gone. If such a gateway still exists, its connections have no worker. */
  private readonly left = new RecentMap<true>(MAX_LEFT);
  private audit: Timer | undefined = undefined;
  private telling: Timer | undefined = undefined;
  /** Connections with answers or attributes that their gateways have not confirmed. */
  private readonly unconfirmed = new Set<WorkerEntry>();
  private asking: Timer | undefined = undefined;
  private lost = 0;
  private openCount = 0;
  private missed = 0;
  private ignored = 0;
  private readonly emptied = new Set<() => void>();
  /** Sessions that have ended, but whose functions have not, by the id of the connection. */
  private readonly ending = new Map<string, WorkerEntry>();
  private readonly host = {
    codec: undefined as MessageCodec<unknown> | undefined,
    maxBodyBytes: (): number | undefined => this.port.maxBodyBytes,
    maxUnconfirmedBytes: 0,
    reaches: (gateway: string): boolean => this.port.state === 'up' || gateway === this.port.nodeId,
    send: (to: string, frame: Buffer): PublishOutcome => this.port.send(to, frame),
    unconfirmed: ({ session }: WorkerConnection): void => {
      const entry = this.entryOf(session.gateway, session.connection);
      if (entry?.session !== session) return;
      this.unconfirmed.add(entry);
      this.askLater();
    },
    refused: ({ id, session }: WorkerConnection): void => {
      this.lost += 1;
      session.lost += 1;
      if (session.lost > 1) return;
      const text = `writes to the connection ${id} are dropped, because its gateway has not confirmed`;
      const limit = `${this.host.maxUnconfirmedBytes} bytes (maxUnconfirmedBytes)`;
      this.logger.log('warn', `${text} ${limit}`);
    },
    attributesChanged: ({ session }: WorkerConnection): void => {
      const entry = this.entryOf(session.gateway, session.connection);
      // The end of the job that is under way stores them.
      if (entry?.session !== session || entry.isBusy) return;
      entry.connection.settle();
      this.ackSoon(entry);
    },
  };

  constructor(options: WorkerOptions<Message>) {
    const { maxUnconfirmedBytes } = OPTIONS.resolve(options as WorkerOptions);
    const port = portOfNode(options.cluster);
    this.options = options;
    this.port = port;
    this.clock = port.clock;
    this.logger = port.logger;
    this.host.maxUnconfirmedBytes = maxUnconfirmedBytes;
    this.host.codec = options.codec as MessageCodec<unknown> | undefined;
    this.subscription = port.listen({
      received: (from, body) => this.received(from, body),
      peersChanged: () => this.peersChanged(),
      // The questions of the gateways find lost messages.
      busChanged: (isUp) => {
        if (isUp) for (const { connection } of this.unconfirmed) ask(connection);
      },
      leaving: async (timeoutMs) => {
        // Without the bus, no other node can take a connection.
        if (port.state === 'up') await this.emptyWithin(timeoutMs);
        this.loseAll('its node leaves');
      },
    });
    this.auditLater();
  }

  get connections(): number {
    return this.openCount;
  }

  /** The number of messages to this worker that did not arrive. */
  get missedCount(): number {
    return this.missed;
  }

  /**
   * The number of writes and closes that did not reach their gateway, with `delivery: 'acknowledged'`: refused at
   * `maxUnconfirmedBytes`, or not confirmed when the connection left this worker. The log has a line with the connection.
   */
  get lostCount(): number {
    return this.lost;
  }

  /** The number of envelopes that were not valid. */
  get ignoredCount(): number {
    return this.ignored;
  }

  /**
   * Gives the connections back to their gateways, which choose other workers. Messages under way are finished. With
   * `acknowledged`, the next worker receives the messages that have not begun, not marked as repeated. Resolves when this worker
   * has no connections and no function of them is under way, or after `timeoutMs`. `Cluster.leave` calls this method.
   */
  emptyWithin(timeoutMs: number): Promise<void> {
    if (this.isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      let again: Timer | undefined;
      const over = (): void => {
        timer.cancel();
        again?.cancel();
        this.emptied.delete(over);
        resolve();
      };
      const tell = (): void => {
        // A frame can be lost.
        again = this.clock.schedule(tell, TELL_EVERY_MS);
        for (const gateway of [...this.entries.keys()]) {
          this.send(gateway, frameOf({ op: OP.leaves, connection: 0, epoch: 0 }));
        }
      };
      const timer = this.clock.schedule(over, timeoutMs, true);
      this.emptied.add(over);
      tell();
    });
  }

  /**
   * Stops the worker and drops waiting messages. Functions under way continue, but their answers are lost. The gateways move the
   * connections when this node is gone.
   */
  close(): void {
    this.subscription.close();
    this.audit?.cancel();
    this.telling?.cancel();
    this.flush();
    this.loseAll('it is closed');
    this.asking?.cancel();
    this.unconfirmed.clear();
    for (const entries of this.entries.values()) {
      for (const { connection, session } of entries.values()) {
        connection.closed();
        // The next worker receives the remaining messages.
        session.jobs.length = 0;
      }
    }
    this.entries.clear();
    this.openCount = 0;
    this.reportEmpty();
  }

  private get isEmpty(): boolean {
    return this.openCount === 0 && this.ending.size === 0;
  }

  // --- frames ---

  private received(from: string, body: Buffer): void {
    const frame = decodeFrame(body);
    if (frame === undefined) this.ignored += 1;
    else if (frame.op === OP.confirm) this.confirmed(from, frame);
    else if (frame.op <= OP.leave) this.take(from, frame);
  }

  private take(from: string, frame: GatewayFrame): void {
    const { op, connection, epoch } = frame;
    if (op === OP.leave && connection === 0) {
      this.left.delete(from);
      return;
    }
    if (op === OP.sync && connection === 0) {
      this.acknowledgeAll(from);
      return;
    }
    const entry = this.entryOf(from, connection);
    if (entry !== undefined && epoch < entry.session.epoch) return;
    if (entry?.session.epoch !== epoch) {
      if (op === OP.open) this.open(from, frame, entry);
      else if (op !== OP.leave) this.send(from, frameOf({ op: OP.unknown, connection, epoch }));
      return;
    }
    if (op === OP.leave) {
      this.leave(entry, 'moved');
      return;
    }
    entry.heardAt = this.clock.now();
    entry.connection.attributesKnown(frame.attributes);
    const { missed } = entry.session;
    const answer = entry.session.take(frame);
    this.missed += entry.session.missed - missed;
    if (answer !== undefined) entry.connection.acknowledge(answer.flags, answer.echo);
    this.advance(entry);
  }

  private confirmed(from: string, { body }: GatewayFrame): void {
    for (const one of decodeConfirmations(body)) {
      const entry = this.entryOf(from, one.connection);
      if (entry?.session.epoch !== one.epoch) continue;
      entry.heardAt = this.clock.now();
      entry.connection.confirmed(one);
      if (entry.connection.isConfirmed) this.unconfirmed.delete(entry);
      this.advance(entry);
    }
  }

  private open(from: string, frame: GatewayFrame, before: WorkerEntry | undefined): void {
    let attributes: GatewayAttributes;
    try {
      attributes = JSON.parse(frame.body.toString('utf8'));
    } catch {
      this.ignored += 1;
      return;
    }
    const session = new GatewaySession(from, frame);
    const connection = new WorkerConnection(this.host, session, attributes, frame.attributes);
    const heardAt = this.clock.now();
    const earlier = before ?? this.ending.get(connection.id);
    const isBusy = earlier !== undefined;
    const entry: WorkerEntry = { connection, session, heardAt, isBusy, onOver: undefined };
    if (earlier !== undefined) {
      // Functions of one connection run one after the other, even across two sessions.
      earlier.onOver = () => {
        entry.isBusy = false;
        this.advance(entry);
      };
    }
    if (before !== undefined) this.leave(before, 'moved');
    let entries = this.entries.get(from);
    if (entries === undefined) {
      entries = new Map();
      this.entries.set(from, entries);
    }
    entries.set(session.connection, entry);
    this.openCount += 1;
    const answer = session.take(frame)!;
    connection.acknowledge(answer.flags, answer.echo);
    this.advance(entry);
  }

  private leave(entry: WorkerEntry, reason: string): void {
    this.ending.set(entry.connection.id, entry);
    this.remove(entry);
    this.lose(entry, reason);
    entry.connection.closed();
    entry.session.leave(reason);
    this.advance(entry);
  }

  private giveBack(entry: WorkerEntry): void {
    entry.connection.acknowledge(FLAG.givenBack, 0);
    this.leave(entry, 'moved');
  }

  private remove(entry: WorkerEntry): void {
    const { session } = entry;
    const entries = this.entries.get(session.gateway);
    if (entries?.get(session.connection)?.session !== session) return;
    entries.delete(session.connection);
    this.unconfirmed.delete(entry);
    if (entries.size === 0) this.entries.delete(session.gateway);
    this.openCount -= 1;
    if (this.isEmpty) this.reportEmpty();
  }

  /** Counts the answers that a connection misses, because its gateway no longer takes them from this worker. */
  private lose({ connection, session }: WorkerEntry, why: string): void {
    const count = session.loseAnswers();
    if (count === 0) return;
    this.lost += count;
    const text = `the worker has lost ${count} answers to the connection ${connection.id}: ${why}`;
    this.logger.log('warn', text);
  }

  private loseAll(why: string): void {
    for (const entry of this.unconfirmed) this.lose(entry, why);
  }

  private reportEmpty(): void {
    for (const over of [...this.emptied]) over();
  }

  private peersChanged(): void {
    this.notifyGateways();
    for (const [gateway, entries] of [...this.entries]) {
      if (this.port.isAlive(gateway)) continue;
      this.left.use(gateway, true);
      for (const entry of [...entries.values()]) this.leave(entry, 'gateway-gone');
    }
  }

  /** Repeated until the gateways answer, because a frame can be lost. */
  private notifyGateways(): void {
    this.telling?.cancel();
    this.telling = undefined;
    for (const [gateway] of this.left) {
      if (!this.port.isAlive(gateway)) continue;
      this.telling ??= this.clock.schedule(() => this.notifyGateways(), TELL_EVERY_MS);
      this.send(gateway, frameOf({ op: OP.unknown, connection: 0, epoch: 0 }));
    }
  }

  // --- jobs ---

  private advance(entry: WorkerEntry): void {
    const { session, connection } = entry;
    while (!entry.isBusy) {
      if (session.mustReturn) this.giveBack(entry);
      if (connection.isFull && session.jobs[0]?.what === 'message') return;
      const job = session.jobs.shift();
      if (job === undefined) return;
      entry.isBusy = true;
      const returned = this.run(entry, job);
      if (isPromiseLike(returned)) {
        const over = (): void => {
          this.jobDone(entry, job);
          this.advance(entry);
        };
        whenSettled(returned, over, (thrown: unknown) => {
          this.failed(entry, job, thrown);
          over();
        });
        return;
      }
      this.jobDone(entry, job);
    }
  }

  private run({ connection, session }: WorkerEntry, job: SessionJob): unknown {
    const { onConnect, onMessage, onClose, codec } = this.options;
    const own = connection as WorkerConnection<Message>;
    try {
      if (job.what === 'connect') return onConnect?.(own, { moved: job.isMoved });
      if (job.what === 'close') {
        return job.isUnseen
          ? undefined
          : onClose?.(own, { reason: job.reason, lost: session.lost });
      }
      return onMessage(own, decodeBody<Message>(job, codec), { repeated: job.isRepeated });
    } catch (thrown) {
      this.failed({ connection }, job, thrown);
      return undefined;
    }
  }

  private failed(
    { connection }: Pick<WorkerEntry, 'connection'>,
    { what }: SessionJob,
    thrown: unknown,
  ): void {
    const text = `the worker failed at a ${what} of the connection ${connection.id}`;
    this.logger.log('error', text, toError(thrown));
  }

  private jobDone(entry: WorkerEntry, job: SessionJob): void {
    const { session, connection } = entry;
    entry.isBusy = false;
    session.finished(job);
    connection.settle();
    if (job.what !== 'close') {
      this.ackSoon(entry);
      return;
    }
    if (job.number !== undefined) {
      connection.acknowledge(0, 0);
      connection.closed();
      this.remove(entry);
    }
    if (this.ending.get(connection.id) === entry) this.ending.delete(connection.id);
    if (this.isEmpty) this.reportEmpty();
    entry.onOver?.();
  }

  // --- acknowledgements ---

  /** Sends one acknowledgement for all messages that were handled in one turn. */
  private ackSoon(entry: WorkerEntry): void {
    if (!entry.connection.isOpen) return;
    this.due.add(entry);
    this.flushSoon(this.port);
  }

  private flush(): void {
    for (const { connection } of this.due) connection.acknowledge(0, 0);
    this.due.clear();
  }

  /** Acknowledges silent connections, so that their gateways can report closed connections. */
  private auditLater(): void {
    this.audit = this.clock.schedule(() => {
      const now = this.clock.now();
      for (const entries of this.entries.values()) {
        for (const entry of entries.values()) {
          if (now - entry.heardAt >= AUDIT_MS) this.ackSoon(entry);
        }
      }
      this.auditLater();
    }, AUDIT_MS / 2);
  }

  /** A frame or a confirmation can be lost. Then the answer to an acknowledgement says what the gateway has. */
  private askLater(): void {
    this.asking ??= this.clock.schedule(() => {
      this.asking = undefined;
      const now = this.clock.now();
      for (const entry of this.unconfirmed) {
        const { connection, heardAt } = entry;
        if (connection.isConfirmed) this.unconfirmed.delete(entry);
        else if (now - heardAt >= TELL_EVERY_MS && this.host.reaches(connection.gateway))
          ask(connection);
      }
      if (this.unconfirmed.size > 0) this.askLater();
    }, TELL_EVERY_MS);
  }

  /** The gateway takes the connections that have moved meanwhile. */
  private acknowledgeAll(gateway: string): void {
    for (const { connection } of this.entries.get(gateway)?.values() ?? []) {
      connection.acknowledge(0, 0);
    }
    this.send(gateway, frameOf({ op: OP.ack, connection: 0, epoch: 0 }));
  }

  private entryOf(gateway: string, connection: number): WorkerEntry | undefined {
    return this.entries.get(gateway)?.get(connection);
  }

  private send(to: string, frame: GatewayFrame): PublishOutcome {
    return this.port.send(to, encodeFrame(frame));
  }
}

function ask(connection: WorkerConnection): void {
  connection.sendKept();
  connection.acknowledge(0, 0);
}
