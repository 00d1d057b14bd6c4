import type { Buffer } from 'node:buffer';
import { exponential } from '@headrace/client';
import { ChannelError, isHeadraceError, type Timer } from '@headrace/core';
import {
  checkNumber,
  checkOptions,
  type KnownOptions,
  toError,
  WatchedEmitter,
} from '@headrace/core/authoring';
import { CLUSTER_ERRORS } from '../error/cluster-errors.ts';
import { EngineLog } from '../log/engine-log.ts';
import type { Log } from '../log/log.ts';
import type { LogBus } from '../log/log-bus.ts';
import { abortable } from './abortable.ts';
import type {
  Bus,
  BusEvents,
  BusHost,
  BusListener,
  BusSubscription,
  DropCause,
  PublishOutcome,
} from './bus.ts';
import type { BusEngine, BusLink, BusLinkSink } from './bus-engine.ts';
import { KeptMessages } from './kept-messages.ts';
import { Unheard } from './unheard.ts';

/** Options of every bus. */
export interface EngineBusOptions {
  /** What is kept of what is published while the bus is down; the oldest is dropped first, and counted. */
  readonly whenDown?: {
    /** Bytes of messages and subjects. @default 1048576 */
    readonly maxBytes?: number;
    /** Older ones are not sent any more. @default 5000 */
    readonly maxAgeMs?: number;
  };
  /** Every so often the bus sends a message to itself, in milliseconds. @default 1000 */
  readonly heartbeatMs?: number;
  /** The bus is down when it has not heard itself for so long, in milliseconds. @default 3000 */
  readonly unheardMs?: number;
  /** How long the engine may take to connect, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
}

/** Beside the options of its own, each kind of bus takes these. */
export const ENGINE_BUS_OPTIONS: KnownOptions<EngineBusOptions> = {
  whenDown: true,
  heartbeatMs: true,
  unheardMs: true,
  connectTimeoutMs: true,
};
export const ENGINE_BUS_DEFAULTS = {
  heartbeatMs: 1000,
  unheardMs: 3000,
  connectTimeoutMs: 5000,
  maxBytes: 1024 * 1024,
  maxAgeMs: 5000,
};
/** For how long `close` waits for what was published to leave. */
const FLUSH_WITHIN_MS = 2000;
/** Different troubles of one time of being down that get a line, at most. */
const MAX_LINES = 8;
/**
 * Tries to connect are so far apart: longer after each, each by chance in its second half. With more than a second in
 * the end, a bus that was away for 3 s could be back after others took its node for gone, at 5 s.
 */
const RETRY = exponential({ baseMs: 100, maxMs: 1000, jitter: 'equal' });

/**
 * A bus over an engine. It is up only while it hears itself: a server that is stopped, a connection that hangs and a
 * proxy without a server behind it look alike, and none of them is noticed by the engines' own clients in time.
 */
export class EngineBus extends WatchedEmitter<BusEvents> implements Bus {
  /** Of the engine, for log lines. */
  readonly name: string;
  /** The engine's store for durable groups, if it has one. */
  readonly log: Log | undefined;
  private readonly engineLog: EngineLog | undefined;
  private readonly engine: BusEngine;
  private readonly heartbeatMs: number;
  private readonly unheardMs: number;
  private readonly connectTimeoutMs: number;
  private readonly kept: KeptMessages;
  /** Most subjects have one listener: a hundred thousand users have one each. */
  private readonly subjects = new Map<string, Listening | Set<Listening>>();
  private readonly aborts = new AbortController();
  private host: BusHost | undefined = undefined;
  private link: BusLink | undefined = undefined;
  private isUp = false;
  private isClosed = false;
  /** Links so far: what an old one reports is ignored. */
  private generation = 0;
  private tries = 0;
  /** What was logged since the bus went down. */
  private readonly troubles = new Set<string>();
  /** Rejects what waits for an answer over this link. */
  private readonly waiting = new Set<(error: Error) => void>();
  private closing: Promise<void> | undefined = undefined;
  private heardAt = 0;
  private beatAt = 0;
  /** What this link's engine has not shown to take. */
  private unheard = new Unheard(0);
  /** Every subscription was given to this link, and is in force. */
  private isSettled = false;
  private heartbeat: Timer | undefined = undefined;
  private retry: Timer | undefined = undefined;
  private lost = 0;

  constructor(engine: BusEngine, options: EngineBusOptions = {}) {
    super();
    const { whenDown = {} } = options;
    checkOptions('whenDown', whenDown, { maxBytes: true, maxAgeMs: true });
    const given = { ...ENGINE_BUS_DEFAULTS, ...whenDown, ...options };
    this.engine = engine;
    this.name = engine.name;
    this.heartbeatMs = checkNumber('heartbeatMs', given.heartbeatMs, { min: 10 });
    this.unheardMs = checkNumber('unheardMs', given.unheardMs, { min: this.heartbeatMs });
    this.connectTimeoutMs = checkNumber('connectTimeoutMs', given.connectTimeoutMs, { min: 1 });
    const maxBytes = checkNumber('whenDown.maxBytes', given.maxBytes);
    const maxAgeMs = checkNumber('whenDown.maxAgeMs', given.maxAgeMs);
    this.kept = new KeptMessages({ maxBytes, maxAgeMs }, ({ subject, bytes }, why) =>
      this.drop(subject, bytes, why),
    );
    this.engineLog = engine.hasLog ? new EngineLog(this.logBus()) : undefined;
    this.log = this.engineLog;
  }

  /** `up` while it hears itself, and every subscription is in force. */
  get state(): 'up' | 'down' {
    return this.isUp ? 'up' : 'down';
  }

  /** How many messages were lost here so far. */
  get droppedCount(): number {
    return this.lost;
  }

  /** How many subjects are listened to. */
  get subscriptionCount(): number {
    return this.subjects.size;
  }

  /** @internal The link, while the bus is up. */
  get upLink(): BusLink | undefined {
    return this.isUp ? this.link : undefined;
  }

  /** @internal What the cluster gave it. */
  get hostOrThrow(): BusHost {
    if (this.host === undefined) throw notOpen(this.name);
    return this.host;
  }

  /**
   * Begins to connect; `Cluster.join` calls it.
   *
   * @throws ChannelError `BUS_DOWN` if a cluster has opened it already, or it was closed
   */
  open(host: BusHost): void {
    if (this.isClosed) {
      throw new ChannelError(
        CLUSTER_ERRORS.BUS_DOWN,
        `the bus ${this.name} was closed: each cluster needs a new one`,
      );
    }
    if (this.host !== undefined) {
      throw new ChannelError(
        CLUSTER_ERRORS.BUS_DOWN,
        `the bus ${this.name} is in use by a cluster already`,
      );
    }
    this.host = host;
    this.subscribe(host.probe, (bytes) => this.heard(bytes));
    this.connect();
  }

  /** While down, messages are kept within `whenDown`; up, at most 16 MiB that have not come through are given out. */
  publish(subject: string, bytes: Uint8Array): PublishOutcome {
    if (this.isClosed) return this.drop(subject, bytes, 'closed');
    const { link } = this;
    if (!this.isUp || link === undefined) {
      const { clock } = this.hostOrThrow;
      return this.kept.add(subject, bytes, clock.now())
        ? 'kept'
        : this.drop(subject, bytes, 'full');
    }
    if (!this.unheard.hasRoomFor(subject, bytes)) return this.drop(subject, bytes, 'stuck');
    this.give(link, subject, bytes);
    return 'sent';
  }

  /** In force on each new link before `up`. What a listener throws is logged. */
  subscribe(subject: string, listener: BusListener): BusSubscription {
    if (this.isClosed) return { close: () => {} };
    const own = new Listening(this, subject, listener);
    const listeners = this.subjects.get(subject);
    if (listeners instanceof Set) listeners.add(own);
    else this.subjects.set(subject, listeners === undefined ? own : new Set([listeners, own]));
    if (listeners === undefined) this.link?.subscribe(subject);
    return own;
  }

  /** Resolves when all subscriptions made so far are in force. Rejects with `BUS_DOWN`. */
  async settled(): Promise<void> {
    const { upLink } = this;
    if (upLink === undefined) throw this.downError();
    await this.whileUp(upLink.settled());
  }

  /** How many links listen, at least; 1 for any number where the engine does not count. Rejects with `BUS_DOWN`. */
  async receivers(subject: string): Promise<number> {
    const { upLink } = this;
    if (upLink === undefined) throw this.downError();
    return this.whileUp(upLink.receivers(subject));
  }

  /** Sends what was given to the engine, for 2 s at most; what was kept is dropped as `closed`. A second call joins the first. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  /** @internal The error of what needs a bus that is up. */
  downError(cause?: Error): ChannelError {
    return new ChannelError(
      CLUSTER_ERRORS.BUS_DOWN,
      `the bus ${this.name} is down`,
      { bus: this.name },
      cause,
    );
  }

  private async end(): Promise<void> {
    const { link, isUp } = this;
    this.isClosed = true;
    this.engineLog?.close();
    this.forgetLink();
    this.retry?.cancel();
    this.aborts.abort(new ChannelError(CLUSTER_ERRORS.BUS_DOWN, `the bus ${this.name} was closed`));
    for (let left = this.kept.shift(); left !== undefined; left = this.kept.shift()) {
      this.drop(left.subject, left.bytes, 'closed');
    }
    this.subjects.clear();
    if (link !== undefined) await this.endLink(link, isUp);
    if (isUp) this.emit('down', undefined);
  }

  /** What the link has to send leaves first, if that is quick: an engine that is stopped would never be done. */
  private async endLink(link: BusLink, flush: boolean): Promise<void> {
    const { clock } = this.hostOrThrow;
    let timer: Timer | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = clock.schedule(() => {
        void link.close(false).catch(() => {});
        resolve();
      }, FLUSH_WITHIN_MS);
    });
    await Promise.race([link.close(flush).catch(() => {}), tooLong]);
    timer?.cancel();
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    this.host?.logger.log('error', `a listener of the bus’s ${event} threw`, error);
  }

  // --- the link ---

  private connect(): void {
    const { clock } = this.hostOrThrow;
    this.generation += 1;
    this.unheard = new Unheard(this.generation);
    const { generation } = this;
    const isOld = () => this.isClosed || this.generation !== generation;
    const abort = new AbortController();
    const timer = clock.schedule(() => {
      abort.abort(new Error(`no connection within ${this.connectTimeoutMs} ms`));
    }, this.connectTimeoutMs);
    const stop = () => abort.abort(this.aborts.signal.reason);
    this.aborts.signal.addEventListener('abort', stop, { once: true });
    const sink = {
      received: (subject: string, bytes: Buffer) => {
        if (!isOld()) this.deliver(subject, bytes);
      },
      lost: (cause: Error | undefined) => {
        if (!isOld()) this.failed(cause);
      },
    };
    const over = () => {
      timer.cancel();
      this.aborts.signal.removeEventListener('abort', stop);
    };
    abortable(this.tryToConnect(sink, abort.signal), abort.signal).then(
      (link) => {
        over();
        if (isOld()) void link.close(false).catch(() => {});
        else this.connected(link);
      },
      (error: unknown) => {
        over();
        if (!isOld()) this.failed(toError(error));
      },
    );
  }

  private async tryToConnect(sink: BusLinkSink, signal: AbortSignal): Promise<BusLink> {
    return this.engine.connect(sink, this.hostOrThrow, signal);
  }

  private connected(link: BusLink): void {
    const { clock } = this.hostOrThrow;
    this.link = link;
    this.heardAt = clock.now();
    this.beatAt = clock.now();
    for (const subject of this.subjects.keys()) link.subscribe(subject);
    if (link.log !== undefined) this.engineLog?.linked(link.log);
    const { generation } = this;
    link.settled().then(
      () => {
        if (this.generation !== generation || this.isClosed) return;
        this.isSettled = true;
        this.heardAt = clock.now();
        this.beat();
      },
      (error: unknown) => {
        if (this.generation === generation && !this.isClosed) this.failed(toError(error));
      },
    );
    this.heartbeat = clock.schedule(() => this.look(), this.heartbeatMs);
  }

  /** Sends the heartbeat, and finds out that none has come back. */
  private look(): void {
    const { clock } = this.hostOrThrow;
    const now = clock.now();
    // This process stood still: what came meanwhile has not been read yet.
    const stoodStillMs = now - this.beatAt - this.heartbeatMs;
    if (stoodStillMs > this.heartbeatMs) this.heardAt += stoodStillMs;
    this.beatAt = now;
    // A hundred thousand subscriptions take their time.
    const patienceMs = this.isSettled
      ? this.unheardMs
      : Math.max(this.unheardMs, this.connectTimeoutMs);
    if (now - this.heardAt >= patienceMs) {
      this.failed(new Error(`nothing came back for ${patienceMs} ms`));
      return;
    }
    this.heartbeat = clock.schedule(() => this.look(), this.heartbeatMs);
    if (this.isUp) this.beat();
  }

  private beat(): void {
    const { link, host } = this;
    if (link === undefined || host === undefined) return;
    link.publish(host.probe, this.unheard.probe());
  }

  private heard(probe: Buffer): void {
    if (!this.unheard.heard(probe)) return;
    this.heardAt = this.hostOrThrow.clock.now();
    if (!this.isUp) this.cameUp();
  }

  private cameUp(): void {
    const { clock, logger } = this.hostOrThrow;
    const { generation } = this;
    const link = this.link!;
    this.kept.expire(clock.now());
    // Not up yet: what is published by who hears of a loss meanwhile has its place behind what was kept.
    for (let next = this.kept.shift(); next !== undefined; next = this.kept.shift()) {
      this.give(link, next.subject, next.bytes);
      if (this.generation !== generation) return;
    }
    this.isUp = true;
    if (this.tries > 0) logger.log('info', `the bus ${this.name} is up again`);
    this.tries = 0;
    this.troubles.clear();
    this.engineLog?.cameUp();
    this.emit('up');
  }

  private give(link: BusLink, subject: string, bytes: Uint8Array): void {
    const isProbeDue = this.unheard.give(subject, bytes);
    link.publish(subject, bytes);
    if (isProbeDue) this.beat();
  }

  /** The link is gone, or none could be had: another one is made after a while. */
  private failed(cause: Error | undefined): void {
    const { clock, random, logger } = this.hostOrThrow;
    const { link, isUp } = this;
    this.forgetLink();
    void link?.close(false).catch(() => {});
    this.tries += 1;
    const delayMs = RETRY(this.tries, { elapsedMs: 0, phase: 0, random })!;
    this.retry = clock.schedule(() => this.connect(), delayMs);
    const trouble = cause?.message || 'the connection ended';
    // One line for a trouble, however long it lasts, and in turn with which others.
    if (!this.troubles.has(trouble) && this.troubles.size < MAX_LINES) {
      logger.log('warn', `the bus ${this.name} is down: ${trouble}; trying again`);
      this.troubles.add(trouble);
    }
    if (isUp) this.emit('down', cause);
  }

  private forgetLink(): void {
    this.generation += 1;
    this.link = undefined;
    this.isUp = false;
    this.unheard = new Unheard(this.generation);
    this.isSettled = false;
    this.heartbeat?.cancel();
    this.engineLog?.unlinked();
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const reject of waiting) reject(this.downError());
  }

  private logBus(): LogBus {
    const host = () => this.hostOrThrow;
    return {
      get clock() {
        return host().clock;
      },
      get logger() {
        return host().logger;
      },
      downError: (cause) => this.downError(cause),
      whileLinked: (promise) => this.whileLinked(promise),
    };
  }

  /** Rejects when the link is lost, whatever the engine does with its promise then. */
  private whileLinked<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.add(reject);
      promise.finally(() => this.waiting.delete(reject)).then(resolve, reject);
    });
  }

  private whileUp<T>(promise: Promise<T>): Promise<T> {
    return this.whileLinked(promise).catch((cause: unknown) => {
      throw isHeadraceError(cause, CLUSTER_ERRORS.BUS_DOWN)
        ? cause
        : this.downError(toError(cause));
    });
  }

  // --- messages ---

  private deliver(subject: string, bytes: Buffer): void {
    const listeners = this.subjects.get(subject);
    if (listeners === undefined) return;
    if (listeners instanceof Listening) {
      this.call(listeners.listener, subject, bytes);
      return;
    }
    // A listener may subscribe anew while it runs: that one gets what comes next.
    for (const one of [...listeners]) {
      if (listeners.has(one)) this.call(one.listener, subject, bytes);
    }
  }

  private call(listener: BusListener, subject: string, bytes: Buffer): void {
    try {
      listener(bytes, subject);
    } catch (thrown) {
      this.host?.logger.log('error', `a listener of ${subject} threw`, toError(thrown));
    }
  }

  /** @internal */
  unsubscribe(own: Listening): void {
    const { subject } = own;
    const listeners = this.subjects.get(subject);
    if (listeners instanceof Set) {
      if (!listeners.delete(own) || listeners.size > 0) return;
    } else if (listeners !== own) return;
    this.subjects.delete(subject);
    this.link?.unsubscribe(subject);
  }

  private drop(subject: string, bytes: Uint8Array, why: DropCause): 'dropped' {
    this.lost += 1;
    this.emit('dropped', { subject, why, bytes: bytes.byteLength });
    return 'dropped';
  }
}

/** One call of `subscribe`. There are many thousands: no more in it than it takes, and no closure. */
class Listening implements BusSubscription {
  private readonly bus: EngineBus;
  readonly subject: string;
  readonly listener: BusListener;

  constructor(bus: EngineBus, subject: string, listener: BusListener) {
    this.bus = bus;
    this.subject = subject;
    this.listener = listener;
  }

  close(): void {
    this.bus.unsubscribe(this);
  }
}

function notOpen(name: string): ChannelError {
  return new ChannelError(
    CLUSTER_ERRORS.BUS_DOWN,
    `the bus ${name} is not open: Cluster.join({ bus }) opens it`,
  );
}
