import { Buffer } from 'node:buffer';
import type { BusSubscription } from '@headrace/bus';
import type { Cluster, MessageCodec } from '@headrace/cluster';
import { decodeBody, encodeBody } from '@headrace/cluster/authoring';
import {
  type Channel,
  type Clock,
  type Context,
  type Handler,
  type Logger,
  type Timer,
} from '@headrace/core';
import {
  choice,
  DrainGate,
  describeOptions,
  fn,
  number,
  object,
  onceAfterEvent,
  passedOver,
  ReadGate,
  RecentMap,
  rendezvous,
  text,
  toError,
  whole,
} from '@headrace/core/authoring';
import {
  type Confirmation,
  decodeFrame,
  encodeConfirmations,
  encodeFrame,
  frameOf,
  OP,
  TELL_EVERY_MS,
} from './gateway-frame.ts';
import { GatewayHandler } from './gateway-handler.ts';
import { GatewayLink, type GatewayRules, type LinkAction } from './gateway-link.ts';
import { type GatewayCluster, type GatewayPort, portOfNode } from './gateway-port.ts';
import { type HeldConnections, heldOf } from './held-connections.ts';
import { SuspectQueue } from './suspect-queue.ts';
import { checkAttributes, checkLength, type GatewayAttributes } from './worker-connection.ts';

/** Options of a {@link Gateway}. */
export interface GatewayOptions<Message = unknown> {
  /** The node of the gateway. */
  readonly cluster: Cluster<never> | GatewayCluster;
  /**
   * Delivery guarantee for messages whose worker dies before it answers. With `at-most-once`, these messages are lost. With
   * `acknowledged`, the gateway keeps each message until it is answered, and repeats it to the next worker, marked as repeated.
   * The next worker cannot know which messages were handled.
   * @default 'at-most-once'
   */
  readonly delivery?: 'at-most-once' | 'acknowledged';
  /** Role of the nodes that are workers. @default 'worker' */
  readonly role?: string;
  /** Number of unanswered messages at which the gateway stops reading a connection. @default 64 */
  readonly maxUnanswered?: number;
  /** Size of unanswered messages, in bytes, at which the gateway stops reading a connection. @default 1048576 */
  readonly maxUnansweredBytes?: number;
  /** Time without an answer, in milliseconds, after which the gateway asks a worker for its progress. @default 2000 */
  readonly syncMs?: number;
  /**
   * Maximum time for a leaving worker to give a connection back, in milliseconds: to finish the message under way, or with
   * `at-most-once` all messages that it has received.
   * @default 5000
   */
  readonly handoverMs?: number;
  /**
   * Number of workers in a row that may end while they handle the same message, the start or the close of the same connection.
   * Then the message is dropped and counted as lost, or the connection ends with the reason `error`, and the log has an error. The
   * last of these workers receives no other job that may have ended workers.
   * @default 3
   */
  readonly maxDeliveries?: number;
  /** Returns the first attributes of a connection, at most 64 KiB of JSON, for its workers. @default nothing */
  readonly attributes?: (channel: Channel) => GatewayAttributes;
  /**
   * Called on this node for each message that arrives while the bus is down. No worker receives such a message. Earlier messages
   * without an answer stay with their worker.
   * @default none: reading stops
   */
  readonly handleWhenDown?: (channel: Channel, message: Message) => void;
  /** Format of messages on the bus. The workers must use the same format. @default bytes, texts, JSON */
  readonly codec?: MessageCodec<Message>;
}

const TIMES = { min: 10, max: 2 ** 30 };
const OPTIONS = describeOptions('Gateway', {
  cluster: object('what Cluster.join gave', { required: true }),
  delivery: choice(['at-most-once', 'acknowledged'], { default: 'at-most-once' }),
  role: text('the name of a role', { default: 'worker' }),
  maxUnanswered: whole({ min: 1, default: 64 }),
  maxUnansweredBytes: number({ min: 1, default: 1024 * 1024 }),
  syncMs: number({ ...TIMES, default: 2000 }),
  handoverMs: number({ ...TIMES, default: 5000 }),
  maxDeliveries: whole({ min: 2, default: 3 }),
  attributes: fn({ answers: 'sync', purpose: 'gives the attributes of a channel' }),
  handleWhenDown: fn({ answers: 'void', takes: 2, purpose: 'handles a message' }),
  codec: object('a codec with encode and decode'),
});
/** The name of the holds of reads and drains. */
const HOLDER = 'Gateway';
/** Number of ticks within the shortest time of the rules. */
const TICKS = 4;
/** Time in which confirmations for one worker are collected, for all its connections. */
const CONFIRM_MS = 250;
/** Time after the last word of a worker that leaves, after which the worker stays. */
const LEAVES_MS = 3 * TELL_EVERY_MS;
/** Limit of remembered workers. A restarted worker has a new id, so old ids do not return. */
const MAX_LEFT = 1000;

interface GatewayEntry {
  readonly link: GatewayLink;
  readonly ctx: Context;
  readonly gate: ReadGate;
  readonly drain: DrainGate;
  /** Whether the peer has ended its half of a half-open connection. */
  hasInputEnded: boolean;
}

/**
 * Holds connections whose logic runs on other nodes. Each connection has one worker, which receives all its messages. If the node
 * of that worker is gone or drains, the connection moves to another ready worker, chosen by rendezvous hashing. The move does not
 * close the connection.
 *
 * @see GatewayWorker's `Gateway`
 */
export class Gateway<Message = unknown> {
  private readonly port: GatewayPort;
  private readonly options: Pick<
    GatewayOptions<Message>,
    'attributes' | 'handleWhenDown' | 'codec'
  >;
  private readonly role: string;
  private readonly rules: GatewayRules;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly entries = new Map<number, GatewayEntry>();
  private readonly suspects = new SuspectQueue<GatewayEntry>();
  /** Workers that were silent, or considered gone. If such a worker still exists, it may have connections that have moved. */
  private readonly left = new RecentMap<true>(MAX_LEFT);
  /** Workers that give their connections back, and the times of their last words. They receive no connections. */
  private readonly leaving = new RecentMap<number>(MAX_LEFT);
  private readonly subscription: BusSubscription;
  /** Undefined if the node is not a `Cluster`. Then workers cannot reach the connections by their ids. */
  private readonly held: HeldConnections | undefined;
  private readonly stopServing: () => void;
  /** Connections whose workers keep frames that have arrived. */
  private readonly due = new Set<GatewayEntry>();
  private readonly confirmSoon = onceAfterEvent<GatewayPort>(() => this.confirm());
  private confirming: Timer | undefined = undefined;
  private isClosed = false;
  private lastId = 0;
  private lost = 0;
  private lostOfWorkers = 0;
  private moved = 0;
  private ignored = 0;
  private timer: Timer | undefined = undefined;
  /**
   * The time since which a connection has found no worker. After the line in the log, the value is `reported` until a worker is
   * ready.
   */
  private aloneSince: number | 'reported' | undefined = undefined;

  constructor(options: GatewayOptions<Message>) {
    const resolved = OPTIONS.resolve(options as GatewayOptions);
    const { delivery, role, handleWhenDown, ...given } = resolved;
    const { maxUnanswered, maxUnansweredBytes, syncMs, handoverMs, maxDeliveries } = given;
    const port = portOfNode(given.cluster);
    this.options = resolved as unknown as typeof this.options;
    this.port = port;
    this.clock = port.clock;
    this.logger = port.logger;
    this.role = role;
    this.rules = {
      isAcknowledged: delivery === 'acknowledged',
      maxUnanswered,
      maxUnansweredBytes,
      syncMs,
      handoverMs,
      maxDeliveries,
      readsWhenDown: handleWhenDown !== undefined,
    };
    this.subscription = port.listen({
      received: (from, body) => this.received(from, body),
      peersChanged: () => this.peersChanged(),
      busChanged: (isUp) => this.busChanged(isUp),
    });
    const { cluster } = options;
    const held = 'gatewayPort' in cluster ? undefined : heldOf(cluster);
    this.held = held;
    this.stopServing = held?.serve() ?? (() => {});
  }

  /** The number of connections, including closed ones whose workers are not notified yet. */
  get connections(): number {
    return this.entries.size;
  }

  /** The number of messages that reached no worker, or may have reached none. */
  get lostCount(): number {
    return this.lost;
  }

  /**
   * The number of writes and closes of workers that are known to be missing, because their worker lost the connection before it
   * could repeat them. Only `acknowledged` counts them. A worker counts its own in its `lostCount`.
   */
  get lostAnswerCount(): number {
    return this.lostOfWorkers;
  }

  /** The number of moves of connections to another worker. */
  get movedCount(): number {
    return this.moved;
  }

  /** The number of envelopes that were not valid. */
  get ignoredCount(): number {
    return this.ignored;
  }

  /**
   * Returns a handler for the tail of a connection's pipeline, one for each connection or one in a template. The worker receives
   * the messages that the handler reads. Messages of the worker are written from the handler's place.
   */
  handler(): Handler {
    return new GatewayHandler(this as Gateway);
  }

  /** Stops the gateway. Its connections stay open. Later connections close with the reason `shutdown`. */
  close(): void {
    this.isClosed = true;
    this.subscription.close();
    this.stopServing();
    this.timer?.cancel();
    this.confirm();
    for (const entry of [...this.entries.values()]) this.execute(entry, entry.link.abandon());
  }

  // --- connections ---

  /** @internal */
  connected(ctx: Context): number {
    const id = this.held?.number() ?? this.lastId + 1;
    this.lastId = id;
    if (this.isClosed) {
      ctx.channel.end({ reason: 'shutdown' });
      return id;
    }
    const attributes = this.options.attributes?.(ctx.channel) ?? {};
    checkAttributes(attributes, this.port.maxBodyBytes);
    const bytes = Buffer.from(JSON.stringify(attributes), 'utf8');
    const link = new GatewayLink(id, this.rules, bytes, this.port.state === 'up');
    const gate = new ReadGate(HOLDER);
    const drain = new DrainGate(HOLDER, () => link.unanswered > 0 && !ctx.isRemoved);
    const entry: GatewayEntry = { link, ctx, gate, drain, hasInputEnded: false };
    this.entries.set(id, entry);
    this.held?.add(id, ctx);
    this.choose(entry);
    this.tickLater();
    return id;
  }

  /** @internal */
  message(id: number, message: unknown): void {
    const entry = this.entries.get(id);
    if (entry === undefined) {
      this.lost += 1;
      return;
    }
    const { handleWhenDown } = this.options;
    if (handleWhenDown !== undefined && this.port.state === 'down') {
      handleWhenDown(entry.ctx.channel, message as Message);
      return;
    }
    const { bodyType, body } = encodeBody(message as Message, this.options.codec);
    checkLength(body.byteLength, this.port.maxBodyBytes);
    // Copied, because a decoder's view would keep the whole input in memory.
    const kept = this.rules.isAcknowledged ? Buffer.from(body) : body;
    this.execute(entry, entry.link.message(bodyType, kept));
  }

  /** @internal Delays the end of a connection until its messages are answered. */
  userEvent(id: number, event: unknown): void {
    const entry = this.entries.get(id);
    entry?.drain.see(event);
  }

  /** @internal Ends a half-open connection, which gets no further message, when its messages are answered. */
  inputEnded(id: number): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    entry.hasInputEnded = true;
    this.execute(entry, []);
  }

  /** @internal */
  disconnected(id: number, reason: string): void {
    const entry = this.entries.get(id);
    if (entry !== undefined) this.execute(entry, entry.link.closed(reason, this.clock.now()));
  }

  private choose(entry: GatewayEntry): void {
    const { link } = entry;
    if (this.isClosed || !this.entries.has(link.id)) return;
    const before = link.worker;
    const ready = this.ready();
    if (ready.length === 0) this.aloneSince ??= this.clock.now();
    if (ready.length === 0 && before !== undefined) {
      this.execute(entry, link.workerStays());
      return;
    }
    if (before !== undefined) this.left.use(before, true);
    this.execute(entry, link.workerReplaced());
    const now = this.clock.now();
    const mustWait = ready.length > 0 && link.isSuspect && !this.suspects.begins(entry, now);
    const worker = mustWait
      ? undefined
      : rendezvous(ready, `${this.port.nodeId}:${link.id}`, (node) => node);
    this.execute(entry, link.assign(worker, now));
  }

  private ready(): string[] {
    return this.port.ready(this.role).filter((worker) => this.leaving.peek(worker) === undefined);
  }

  private peersChanged(): void {
    const ready = new Set(this.ready());
    const draining = new Set(this.port.draining());
    const now = this.clock.now();
    if (ready.size > 0) this.aloneSince = undefined;
    this.notifyWorkers();
    for (const entry of [...this.entries.values()]) {
      const { link } = entry;
      const { worker } = link;
      if (worker === undefined) {
        if (ready.size > 0) this.choose(entry);
      } else if (!this.port.isAlive(worker)) {
        this.left.use(worker, true);
        this.execute(entry, link.workerGone());
      } else {
        link.leavesInOrder = draining.has(worker) || this.leaving.peek(worker) !== undefined;
        if (ready.has(worker)) this.execute(entry, link.workerStays());
        else if (ready.size > 0) this.execute(entry, link.workerLeaves(now));
      }
    }
  }

  /** Repeated until the workers answer, because a frame can be lost. */
  private notifyWorkers(): void {
    for (const [worker] of this.left) {
      if (!this.port.isAlive(worker)) continue;
      this.port.send(worker, encodeFrame(frameOf({ op: OP.sync, connection: 0, epoch: 0 })));
    }
  }

  private busChanged(isUp: boolean): void {
    for (const entry of [...this.entries.values()])
      this.execute(entry, entry.link.busChanged(isUp));
  }

  private tickLater(): void {
    if (this.timer !== undefined) return;
    const everyMs = Math.min(this.rules.syncMs, this.rules.handoverMs) / TICKS;
    this.timer = this.clock.schedule(() => {
      this.timer = undefined;
      const now = this.clock.now();
      for (const entry of [...this.entries.values()]) this.execute(entry, entry.link.tick(now));
      this.chooseFor(this.suspects.late(now - this.rules.handoverMs));
      this.forgetLeaving(now);
      this.notifyWorkers();
      this.reportAlone(now);
      if (this.entries.size > 0) this.tickLater();
    }, everyMs);
  }

  private forgetLeaving(now: number): void {
    const { leaving } = this;
    const { size } = leaving;
    leaving.forget(size, (toldAt) => now - toldAt >= LEAVES_MS);
    if (leaving.size < size) this.peersChanged();
  }

  private reportAlone(now: number): void {
    const { aloneSince } = this;
    if (typeof aloneSince !== 'number' || now - aloneSince < this.rules.handoverMs) return;
    const waiting = [...this.entries.values()].filter(({ link }) => link.worker === undefined);
    if (waiting.length === 0) return;
    this.aloneSince = 'reported';
    const text = `connections wait for a node with the role "${this.role}": ${waiting.length}`;
    this.logger.log('warn', text);
  }

  // --- frames ---

  private received(from: string, bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    if (frame === undefined) {
      this.ignored += 1;
      return;
    }
    const { op, connection, epoch } = frame;
    const now = this.clock.now();
    if (op < OP.ack) return;
    if (op === OP.ack && connection === 0) {
      this.left.delete(from);
      for (const one of [...this.entries.values()]) {
        one.link.workerIsBack(from);
        this.execute(one, []);
      }
      return;
    }
    if (op === OP.leaves && connection === 0) {
      this.leaving.use(from, now);
      for (const one of [...this.entries.values()]) {
        if (one.link.worker !== from) continue;
        one.link.leavesInOrder = true;
        this.execute(one, one.link.workerLeaves(now));
      }
      return;
    }
    if (op === OP.unknown && connection === 0) {
      for (const one of [...this.entries.values()]) this.execute(one, one.link.doubt(from, now));
      this.port.send(from, encodeFrame(frameOf({ op: OP.leave, connection, epoch })));
      return;
    }
    const entry = this.entries.get(connection);
    if (entry !== undefined) {
      this.execute(entry, entry.link.received(from, frame, now));
    } else if (op !== OP.unknown) {
      this.port.send(from, encodeFrame(frameOf({ op: OP.leave, connection, epoch })));
    }
  }

  /** Tells the workers what they need not keep, one frame for many connections. */
  private confirm(): void {
    this.confirming?.cancel();
    this.confirming = undefined;
    const byWorker = new Map<string, Confirmation[]>();
    for (const { link } of this.due) {
      const one = link.confirmation();
      if (one === undefined) continue;
      const all = byWorker.get(one.to) ?? [];
      byWorker.set(one.to, all);
      all.push(one.has);
    }
    this.due.clear();
    for (const [worker, all] of byWorker) {
      for (const frame of encodeConfirmations(all, this.port.maxBodyBytes))
        this.port.send(worker, frame);
    }
  }

  private execute(entry: GatewayEntry, actions: readonly LinkAction[]): void {
    for (const action of actions) this.act(entry, action);
    const { link, ctx, gate, drain, hasInputEnded } = entry;
    drain.update();
    if (hasInputEnded && link.unanswered === 0 && ctx.channel.isOpen)
      ctx.channel.end({ reason: 'peer' });
    // Last, because messages that arrive during the release add actions of their own.
    if (!link.mustHold) gate.release();
    else if (ctx.channel.isOpen) gate.hold(ctx.channel);
    if (!link.isSuspect) this.chooseFor(this.suspects.cleared(entry));
  }

  private chooseFor(next: GatewayEntry | undefined): void {
    if (next !== undefined) this.choose(next);
  }

  private act(entry: GatewayEntry, action: LinkAction): void {
    switch (action.do) {
      case 'send':
        if (action.frame.op === OP.open && action.frame.flags & 1) this.moved += 1;
        this.port.send(action.to, encodeFrame(action.frame));
        break;
      case 'write':
        this.write(entry, action);
        break;
      case 'close':
        if (entry.ctx.channel.isOpen) entry.ctx.channel.end({ reason: action.reason });
        break;
      case 'choose':
        this.choose(entry);
        break;
      case 'lost':
        this.lost += action.count;
        break;
      case 'confirm':
        this.due.add(entry);
        if (action.isUrgent) this.confirmSoon(this.port);
        else this.confirming ??= this.clock.schedule(() => this.confirm(), CONFIRM_MS);
        break;
      case 'lost-answers': {
        this.lostOfWorkers += action.count;
        const id = `${this.port.nodeId}:${entry.link.id}`;
        const text = `the worker ${action.worker} has lost the connection ${id}`;
        this.logger.log('warn', `${text}, and ${action.count} of its answers have not arrived`);
        break;
      }
      case 'given-up': {
        const { nodeId, logger } = this.port;
        const id = `${nodeId}:${entry.link.id}`;
        const text = `${this.rules.maxDeliveries} workers in a row ended while they handled`;
        logger.log('error', `${text} ${action.what} of the connection ${id}: it is given up`);
        break;
      }
      case 'done':
        this.entries.delete(entry.link.id);
        this.due.delete(entry);
        break;
    }
  }

  private write({ ctx }: GatewayEntry, body: LinkAction & { readonly do: 'write' }): void {
    if (!ctx.channel.isActive || ctx.isRemoved) return;
    let message: Message;
    try {
      message = decodeBody<Message>(body, this.options.codec);
    } catch (thrown) {
      this.ignored += 1;
      this.logger.log('warn', 'a worker wrote a value that is not a message', toError(thrown));
      return;
    }
    passedOver(ctx.channel, ctx.writeAndFlush(message));
  }
}
