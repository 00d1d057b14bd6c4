import type { Buffer } from 'node:buffer';
import { exponential } from '@headrace/client';
import { OptionError, type Timer } from '@headrace/core';
import { Attempt, suspendedMs, toError } from '@headrace/core/authoring';
import { within } from '../time/within.ts';
import type { BusHost } from './bus.ts';
import type { BusEngine, BusLink, BusLinkSink } from './bus-engine.ts';
import type { BusPlan } from './bus-options.ts';
import { InFlight } from './in-flight.ts';

/** Notified by a {@link BusLinkKeeper}. */
export interface BusLinkOwner {
  /** Called with a new link, to subscribe again. Messages may not arrive yet. */
  linked(link: BusLink): void;
  /** Called when the link receives its own heartbeats, to send the kept messages before later messages. */
  givesKept(): void;
  linkUp(): void;
  /** Called when a link has ended that was reported. */
  unlinked(): void;
  /** Called after `unlinked` when another link will be made. `wasUp` is true if the bus was up until now. */
  failed(cause: Error | undefined, wasUp: boolean): void;
  /** Called instead of `failed` when no other link will be made, because the engine can never connect. */
  broken(cause: OptionError): void;
  received(subject: string, bytes: Buffer): void;
}

/** Maximum time to send the published messages at the end. */
const FLUSH_WITHIN_MS = 2000;
/**
 * While messages of others arrive, the bus waits this many times longer for its own heartbeat, because the heartbeat may only be
 * late.
 */
const LAG_FACTOR = 10;
/** Maximum number of lines for different errors while the bus is down. */
const MAX_LINES = 8;
/**
 * Delays between attempts to connect. The delays grow to 1 s, and half of each delay is random. With a larger maximum, a bus that
 * was down for 3 s could be up again after 5 s, when other nodes already consider its node gone.
 */
const RETRY = exponential({ baseMs: 100, maxMs: 1000, jitter: 'equal' });

/**
 * Makes a link to the engine, and another link after each loss. A link is up while it receives its own heartbeats. A stopped
 * server, a connection that hangs and a proxy without a server look alike, and the clients of the engines do not notice them in
 * time.
 */
export class BusLinkKeeper {
  private readonly engine: BusEngine;
  private readonly plan: BusPlan;
  private readonly host: BusHost;
  private readonly owner: BusLinkOwner;
  /** The connect that is under way, or the last connect. */
  private connecting: Attempt<BusLink> | undefined = undefined;
  private current: BusLink | undefined = undefined;
  private isUp = false;
  private isEnded = false;
  /** Changes with each link and each loss, so that reports of an old link are ignored. */
  private generation = 0;
  private tries = 0;
  /** The errors that were logged since the bus went down. */
  private readonly troubles = new Set<string>();
  private heardAt = 0;
  /** Whether a message arrived since the last check; `arrivedAt` is the time of earlier messages. */
  private hasArrived = false;
  private arrivedAt = 0;
  private isLate = false;
  private lookAt = 0;
  /** The bytes that the engine of this link has not confirmed. */
  private inFlight: InFlight;
  /** Whether all subscriptions of this link are in force. */
  private isSettled = false;
  private heartbeat: Timer | undefined = undefined;
  private retry: Timer | undefined = undefined;

  constructor(engine: BusEngine, plan: BusPlan, host: BusHost, owner: BusLinkOwner) {
    this.engine = engine;
    this.plan = plan;
    this.host = host;
    this.inFlight = new InFlight(0, host.random);
    this.owner = owner;
  }

  /** The link, even if it is not up. */
  get link(): BusLink | undefined {
    return this.current;
  }

  get upLink(): BusLink | undefined {
    return this.isUp ? this.current : undefined;
  }

  connect(): void {
    const { clock } = this.host;
    const { connectTimeoutMs: timeoutMs } = this.plan;
    this.generation += 1;
    this.inFlight = new InFlight(this.generation, this.host.random);
    const isCurrent = this.ofThisLink();
    this.connecting = new Attempt<BusLink>(
      (signal) => this.engine.connect(this.sinkOf(isCurrent), this.host, signal),
      {
        done: (link) => this.connected(link),
        failed: (error) => this.failed(error),
        late: closeQuietly,
      },
      { clock, timeoutMs, error: () => new Error(`no connection within ${timeoutMs} ms`) },
    );
  }

  /** Publishes a message. Returns false if the engine has too many unconfirmed messages. The message is then lost. */
  publish(subject: string, bytes: Uint8Array): boolean {
    if (!this.inFlight.hasRoomFor(subject, bytes)) return false;
    this.give(subject, bytes);
    return true;
  }

  /** Publishes like {@link publish}, but without a check for room. */
  give(subject: string, bytes: Uint8Array): void {
    const isProbeDue = this.inFlight.give(subject, bytes);
    this.current?.publish(subject, bytes);
    if (isProbeDue) this.beat();
  }

  /** Called when a message of the bus to itself came back. */
  heard(probe: Buffer): void {
    if (!this.inFlight.heard(probe)) return;
    this.heardAt = this.host.clock.now();
    this.isLate = false;
    if (!this.isUp) this.linkUp();
  }

  /**
   * Ends the link, and makes no other link. The output of the link is sent first if this is quick, because a stopped engine
   * accepts nothing.
   */
  async end(reason: Error): Promise<void> {
    const { current, isUp } = this;
    this.isEnded = true;
    this.forgetLink();
    this.retry?.cancel();
    this.connecting?.drop(reason);
    if (current === undefined) return;
    const closing = current.close(isUp).catch(() => {});
    await within(this.host.clock, FLUSH_WITHIN_MS, closing, () => closeQuietly(current));
  }

  private sinkOf(isCurrent: () => boolean): BusLinkSink {
    return {
      received: (subject, bytes) => {
        if (!isCurrent()) return;
        this.hasArrived = true;
        this.owner.received(subject, bytes);
      },
      lost: (cause) => {
        if (isCurrent()) this.failed(cause);
      },
    };
  }

  private connected(link: BusLink): void {
    const { clock } = this.host;
    this.current = link;
    this.heardAt = this.arrivedAt = clock.now();
    const isCurrent = this.ofThisLink();
    this.owner.linked(link);
    // The link can end meanwhile, or a watcher close the bus.
    if (!isCurrent()) return;
    link.settled().then(
      () => {
        if (!isCurrent()) return;
        this.isSettled = true;
        this.heardAt = clock.now();
        this.beat();
      },
      (error: unknown) => {
        if (isCurrent()) this.failed(toError(error));
      },
    );
    this.scheduleCheck();
  }

  /** Sends the heartbeat, and checks whether earlier heartbeats came back. */
  private look(): void {
    const { heartbeatMs, unheardMs, connectTimeoutMs } = this.plan;
    const now = this.host.clock.now();
    if (this.hasArrived) this.arrivedAt = this.lookAt - heartbeatMs;
    this.hasArrived = false;
    const suspended = suspendedMs(now, this.lookAt, heartbeatMs);
    this.heardAt += suspended;
    this.arrivedAt += suspended;
    // A hundred thousand subscriptions take longer.
    const patienceMs = this.isSettled ? unheardMs : Math.max(unheardMs, connectTimeoutMs);
    const lateMs = now - this.heardAt;
    const isSilent = now - this.arrivedAt >= patienceMs;
    // A link that has never received its heartbeat is not just slow.
    const ms = isSilent || !this.isUp ? patienceMs : patienceMs * LAG_FACTOR;
    if (lateMs >= ms) {
      this.failed(new Error(`nothing came back for ${ms} ms`));
      return;
    }
    if (lateMs >= patienceMs) this.reportLate(patienceMs);
    this.scheduleCheck();
    if (this.isUp) this.beat();
  }

  private reportLate(ms: number): void {
    if (this.isLate) return;
    this.isLate = true;
    this.host.logger.log(
      'warn',
      `the bus ${this.engine.name} is slow: messages take over ${ms} ms`,
    );
  }

  private scheduleCheck(): void {
    const { clock } = this.host;
    const { heartbeatMs } = this.plan;
    this.lookAt = clock.now() + heartbeatMs;
    this.heartbeat = clock.schedule(() => this.look(), heartbeatMs);
  }

  private beat(): void {
    this.current?.publish(this.host.probe, this.inFlight.probe());
  }

  private linkUp(): void {
    const isCurrent = this.ofThisLink();
    // Not up yet, so a message that is published meanwhile is queued after the kept messages.
    this.owner.givesKept();
    if (!isCurrent()) return;
    this.isUp = true;
    if (this.tries > 0) this.host.logger.log('info', `the bus ${this.engine.name} is up again`);
    this.tries = 0;
    this.troubles.clear();
    this.owner.linkUp();
  }

  /** Called when the link is lost, or a connect failed. Schedules the next connect. */
  private failed(cause: Error | undefined): void {
    const { clock, random, logger } = this.host;
    const { current, isUp } = this;
    const trouble = cause?.message || 'the connection ended';
    this.forgetLink();
    // An engine can report the loss before its connect has settled. The next connect replaces that connect.
    this.connecting?.drop(cause ?? new Error(trouble));
    if (current !== undefined) closeQuietly(current);
    if (cause instanceof OptionError) {
      // A package that is missing, or an option that is wrong, is the same at the next try.
      this.isEnded = true;
      logger.log('error', `the bus ${this.engine.name} cannot work: ${trouble}`);
      this.owner.broken(cause);
      return;
    }
    this.tries += 1;
    const delayMs = RETRY(this.tries, { elapsedMs: 0, phase: 0, random })!;
    this.retry = clock.schedule(() => this.connect(), delayMs);
    // Each error is logged once, even if it lasts long or errors alternate.
    if (!this.troubles.has(trouble) && this.troubles.size < MAX_LINES) {
      logger.log('warn', `the bus ${this.engine.name} is down: ${trouble}; trying again`);
      this.troubles.add(trouble);
    }
    this.owner.failed(cause, isUp);
  }

  private forgetLink(): void {
    const { current } = this;
    this.generation += 1;
    this.current = undefined;
    this.isUp = false;
    this.inFlight = new InFlight(this.generation, this.host.random);
    this.isSettled = false;
    this.isLate = this.hasArrived = false;
    this.heartbeat?.cancel();
    if (current !== undefined) this.owner.unlinked();
  }

  /** Returns a function that is true until this link is lost or the bus ends. */
  private ofThisLink(): () => boolean {
    const { generation } = this;
    return () => this.generation === generation && !this.isEnded;
  }
}

function closeQuietly(link: BusLink): void {
  link.close(false).catch(() => {});
}
