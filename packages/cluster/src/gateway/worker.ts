import type { Buffer } from 'node:buffer';
import { type Clock, type Logger, type Timer } from '@headrace/core';
import {
  describeOptions,
  fn,
  isPromiseLike,
  number,
  object,
  toError,
} from '@headrace/core/authoring';
import type { BusSubscription, PublishOutcome } from '../bus/bus.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { decodeBody, type MessageCodec } from '../envelope/body.ts';
import { onceAfterEvent } from '../time/once-after-event.ts';
import { portOf } from './cluster-port.ts';
import { decodeFrame, encodeFrame, frameOf, type GatewayFrame, OP } from './gateway-frame.ts';
import type { GatewayCluster, GatewayPort } from './gateway-port.ts';
import { GatewaySession, type SessionJob } from './gateway-session.ts';
import { type GatewayAttributes, WorkerConnection } from './worker-connection.ts';

/** Options of a {@link Worker}. Of one connection one function runs at a time; a promise is waited for. */
export interface WorkerOptions<Message = unknown> {
  /** This node. */
  readonly cluster: Cluster<never> | GatewayCluster;
  /** A connection is this worker's from now on; `moved` if another one had it before. */
  readonly onConnect?: (
    connection: WorkerConnection<Message>,
    how: { readonly moved: boolean },
  ) => void | Promise<void>;
  /**
   * A message of a connection, in order. When this returns, or its promise resolves, the message is acknowledged.
   * `repeated` if a worker that is gone may have handled it; only with `delivery: 'acknowledged'`.
   */
  readonly onMessage: (
    connection: WorkerConnection<Message>,
    message: Message,
    how: { readonly repeated: boolean },
  ) => void | Promise<void>;
  /**
   * It is not this worker's any more: it has closed, with the reason of its channel; or it has `moved` to another
   * worker; or its node is gone: `gateway-gone`.
   */
  readonly onClose?: (
    connection: WorkerConnection<Message>,
    how: { readonly reason: string },
  ) => void | Promise<void>;
  /** How messages look on the bus; the same at the gateways. @default bytes, texts, JSON */
  readonly codec?: MessageCodec<Message>;
  /** A gateway is asked about a connection that was silent for so long, in milliseconds. @default 300000 */
  readonly auditMs?: number;
}

const OPTIONS = describeOptions('Worker', {
  cluster: object('what Cluster.join gave', { required: true }),
  onConnect: fn({ answers: 'a promise', purpose: 'begins with a connection' }),
  onMessage: fn({ answers: 'a promise', required: true, purpose: 'handles one message' }),
  onClose: fn({ answers: 'a promise', purpose: 'ends with a connection' }),
  codec: object('a codec with encode and decode'),
  auditMs: number({ min: 1000, max: 2 ** 30, default: 300_000 }),
});

interface Seat {
  readonly connection: WorkerConnection;
  readonly session: GatewaySession;
  /** A job is under way, or the worker's earlier session of the same connection still ends. */
  isBusy: boolean;
  heardAt: number;
  onOver: (() => void) | undefined;
}

/**
 * The logic for connections that gateways hold: on other nodes, or on this one.
 *
 * An error that is thrown is logged, and the message counts as answered: it would fail again.
 *
 * @see GatewayWorker's `BusinessWorker`
 */
export class Worker<Message = unknown> {
  private readonly options: WorkerOptions<Message>;
  private readonly port: GatewayPort;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly auditMs: number;
  /** By gateway, then by connection. */
  private readonly seats = new Map<string, Map<number, Seat>>();
  private readonly subscription: BusSubscription;
  private readonly due = new Set<Seat>();
  private readonly flushSoon: () => void;
  private audit: Timer | undefined = undefined;
  private openCount = 0;
  private missed = 0;
  private ignored = 0;
  private readonly emptied = new Set<() => void>();
  private readonly host = {
    codec: undefined as MessageCodec<unknown> | undefined,
    send: (to: string, frame: GatewayFrame): PublishOutcome => this.send(to, frame),
    attributesChanged: ({ session }: WorkerConnection): void => {
      const seat = this.seatOf(session.gateway, session.connection);
      if (seat?.session === session) this.ackSoon(seat);
    },
  };

  constructor(options: WorkerOptions<Message>) {
    const { auditMs } = OPTIONS.resolve(options as WorkerOptions);
    const port = portOf(options.cluster);
    this.options = options;
    this.port = port;
    this.clock = port.clock;
    this.flushSoon = onceAfterEvent(port.clock, () => this.flush());
    this.logger = port.logger;
    this.auditMs = auditMs;
    this.host.codec = options.codec as MessageCodec<unknown> | undefined;
    this.subscription = port.listen({
      received: (from, body) => this.received(from, body),
      peersChanged: () => this.peersChanged(),
      // What was lost is found by the gateways' questions.
      busChanged: () => {},
    });
    this.auditLater();
  }

  /** How many connections it has. */
  get connections(): number {
    return this.openCount;
  }

  /** Messages that were sent to it and did not come. */
  get missedCount(): number {
    return this.missed;
  }

  /** Envelopes that made no sense. */
  get ignoredCount(): number {
    return this.ignored;
  }

  /** Resolves when it has no connection any more: call it when this node drains, so that the gateways move them. */
  emptyWithin(timeoutMs: number): Promise<void> {
    if (this.openCount === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const over = (): void => {
        timer.cancel();
        this.emptied.delete(over);
        resolve();
      };
      const timer = this.clock.schedule(over, timeoutMs, true);
      this.emptied.add(over);
    });
  }

  /**
   * Takes nothing any more: what waits is dropped, only functions under way go on, and what they answer is lost.
   * Connections that it still has move when the gateways miss this node.
   */
  close(): void {
    this.subscription.close();
    this.audit?.cancel();
    this.flush();
    for (const seats of this.seats.values()) {
      for (const { connection, session } of seats.values()) {
        connection.closed();
        // The next worker gets them.
        session.jobs.length = 0;
      }
    }
    this.seats.clear();
    this.openCount = 0;
    this.tellEmpty();
  }

  // --- frames ---

  private received(from: string, body: Buffer): void {
    const frame = decodeFrame(body);
    if (frame === undefined) this.ignored += 1;
    else if (frame.op <= OP.leave) this.take(from, frame);
  }

  private take(from: string, frame: GatewayFrame): void {
    const { op, connection, epoch } = frame;
    const seat = this.seatOf(from, connection);
    if (seat !== undefined && epoch < seat.session.epoch) return;
    if (seat?.session.epoch !== epoch) {
      if (op === OP.open) this.open(from, frame, seat);
      else if (op !== OP.leave) this.send(from, frameOf({ op: OP.unknown, connection, epoch }));
      return;
    }
    if (op === OP.leave) {
      this.leave(seat, 'moved');
      return;
    }
    seat.heardAt = this.clock.now();
    seat.connection.attributesKnown(frame.attributes);
    const { missed } = seat.session;
    const answer = seat.session.take(frame);
    this.missed += seat.session.missed - missed;
    if (answer !== undefined) seat.connection.acknowledge(answer.flags, answer.echo);
    this.advance(seat);
  }

  private open(from: string, frame: GatewayFrame, before: Seat | undefined): void {
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
    const seat: Seat = {
      connection,
      session,
      heardAt,
      isBusy: before !== undefined,
      onOver: undefined,
    };
    if (before !== undefined) {
      // Of one connection one function runs at a time, of two sessions too.
      before.onOver = () => {
        seat.isBusy = false;
        this.advance(seat);
      };
      this.leave(before, 'moved');
    }
    let seats = this.seats.get(from);
    if (seats === undefined) {
      seats = new Map();
      this.seats.set(from, seats);
    }
    seats.set(session.connection, seat);
    this.openCount += 1;
    const answer = session.take(frame)!;
    connection.acknowledge(answer.flags, answer.echo);
    this.advance(seat);
  }

  private leave(seat: Seat, reason: string): void {
    this.remove(seat);
    seat.connection.closed();
    seat.session.leave(reason);
    this.advance(seat);
  }

  private remove({ session }: Seat): void {
    const seats = this.seats.get(session.gateway);
    if (seats?.get(session.connection)?.session !== session) return;
    seats.delete(session.connection);
    if (seats.size === 0) this.seats.delete(session.gateway);
    this.openCount -= 1;
    if (this.openCount === 0) this.tellEmpty();
  }

  private tellEmpty(): void {
    for (const over of [...this.emptied]) over();
  }

  private peersChanged(): void {
    for (const [gateway, seats] of [...this.seats]) {
      if (this.port.isThere(gateway)) continue;
      for (const seat of [...seats.values()]) this.leave(seat, 'gateway-gone');
    }
  }

  // --- jobs ---

  private advance(seat: Seat): void {
    const { session } = seat;
    while (!seat.isBusy) {
      const job = session.jobs.shift();
      if (job === undefined) return;
      seat.isBusy = true;
      const returned = this.run(seat, job);
      if (isPromiseLike(returned)) {
        const over = (): void => {
          this.jobDone(seat, job);
          this.advance(seat);
        };
        returned.then(over, (thrown: unknown) => {
          this.failed(seat, job, thrown);
          over();
        });
        return;
      }
      this.jobDone(seat, job);
    }
  }

  private run({ connection }: Seat, job: SessionJob): unknown {
    const { onConnect, onMessage, onClose, codec } = this.options;
    const own = connection as WorkerConnection<Message>;
    try {
      if (job.what === 'connect') return onConnect?.(own, { moved: job.isMoved });
      if (job.what === 'close') return onClose?.(own, { reason: job.reason });
      return onMessage(own, decodeBody<Message>(job, codec), { repeated: job.isRepeated });
    } catch (thrown) {
      this.failed({ connection }, job, thrown);
      return undefined;
    }
  }

  private failed(
    { connection }: Pick<Seat, 'connection'>,
    { what }: SessionJob,
    thrown: unknown,
  ): void {
    const text = `the worker failed at a ${what} of the connection ${connection.id}`;
    this.logger.log('error', text, toError(thrown));
  }

  private jobDone(seat: Seat, job: SessionJob): void {
    const { session, connection } = seat;
    seat.isBusy = false;
    session.finished(job);
    if (job.what !== 'close') {
      this.ackSoon(seat);
      return;
    }
    if (job.number !== undefined) {
      connection.acknowledge(0, 0);
      connection.closed();
      this.remove(seat);
    }
    seat.onOver?.();
  }

  // --- acknowledgements ---

  /** One for all messages that were handled in one go. */
  private ackSoon(seat: Seat): void {
    if (!seat.connection.isOpen) return;
    this.due.add(seat);
    this.flushSoon();
  }

  private flush(): void {
    for (const { connection } of this.due) connection.acknowledge(0, 0);
    this.due.clear();
  }

  /** A gateway that does not have a connection any more, and could not say so, says it now. */
  private auditLater(): void {
    this.audit = this.clock.schedule(() => {
      const now = this.clock.now();
      for (const seats of this.seats.values()) {
        for (const seat of seats.values()) {
          if (now - seat.heardAt >= this.auditMs) this.ackSoon(seat);
        }
      }
      this.auditLater();
    }, this.auditMs / 2);
  }

  private seatOf(gateway: string, connection: number): Seat | undefined {
    return this.seats.get(gateway)?.get(connection);
  }

  private send(to: string, frame: GatewayFrame): PublishOutcome {
    return this.port.send(to, encodeFrame(frame));
  }
}
