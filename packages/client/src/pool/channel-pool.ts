import {
  type Channel,
  ChannelError,
  RejectedError,
  type TimedOutError,
  type Timer,
} from '@headrace/core';
import {
  Attempt,
  attempted,
  callSafely,
  describeOptions,
  isPromiseLike,
  toError,
  unchecked,
} from '@headrace/core/authoring';
import { CLIENT_ERRORS } from '../client-errors.ts';
import { type Lease, PoolLease } from './lease.ts';
import { type PoolCloseReason, PoolEntry } from './pool-entry.ts';
import { type ChannelPoolOptions, type PoolRules, poolRules } from './pool-options.ts';
import { PoolWaiter } from './pool-waiter.ts';

/** The current state of a pool, and its counters. */
export interface ChannelPoolMetrics {
  /** All connections, including connects under way: `idle + leased + connecting + checking`. */
  readonly size: number;
  readonly idle: number;
  readonly leased: number;
  readonly connecting: number;
  /** Connections whose health check is under way. */
  readonly checking: number;
  /** Calls of `acquire` that wait. */
  readonly waiting: number;
  readonly created: number;
  readonly closed: Readonly<Record<PoolCloseReason, number>>;
}

/** Options of {@link ChannelPool.acquire} and {@link ChannelPool.use}. */
export interface AcquireOptions {
  /**
   * Signal that ends the wait. A connect that was started for this call stays in the pool. In `use`, the signal also ends the
   * task, and closes its connection.
   */
  readonly signal?: AbortSignal;
}

const ACQUIRE_OPTIONS = describeOptions('acquire', { signal: unchecked() });

/**
 * A pool of connections to one place. Each connection has one user until its release. Use a pool for protocols without ids, where
 * an answer belongs to the last request. Waiting calls are served in order.
 *
 * The pool checks a connection when a user acquires it and, by default, when the user releases it. The connection must be active,
 * must not have begun to end, and must pass `healthCheck`. A connection that closes while it is idle leaves the pool at once.
 *
 * @typeParam P - place type of the bootstrap
 * @typeParam C - channel type of the bootstrap
 *
 * @example
 * ```ts run
 * import { ChannelPool } from '@headrace/client';
 * import { Bootstrap, MemoryNetwork, ServerBootstrap } from '@headrace/core';
 *
 * const network = new MemoryNetwork();
 * const server = await new ServerBootstrap().childHandler(() => {}).bind({ network, name: 'db' });
 * const pool = new ChannelPool({
 *   bootstrap: new Bootstrap().handler(() => {}),
 *   place: { network, name: 'db' },
 *   max: 2,
 * });
 * await pool.use(async (channel) => {
 *   await channel.writeAndFlush(Buffer.from('SELECT 1'));
 *   console.log(pool.metrics.leased); // prints 1
 * });
 * console.log(pool.metrics.idle); // prints 1
 * await pool.close();
 * await server.shutdown();
 * ```
 * @see Netty's `FixedChannelPool`
 */
export class ChannelPool<P, C extends Channel = Channel> implements AsyncDisposable {
  // Published types do not contain the members with which the pool owns its leases and ends its
  // waiters.
  private readonly rules: PoolRules<P, C>;
  /** Idle connections. The connection that was released last is the last element. */
  private readonly idle: PoolEntry<C>[] = [];
  private readonly waiters = new Set<PoolWaiter<C>>();
  private readonly connects = new Set<AbortController>();
  private leased = 0;
  private checking = 0;
  private created = 0;
  private readonly closed: Record<PoolCloseReason, number> = {
    lost: 0,
    sick: 0,
    idle: 0,
    worn: 0,
    excess: 0,
    discarded: 0,
    pool: 0,
  };
  private sweep: Timer | undefined = undefined;
  private isClosed = false;

  /** @throws OptionError if an option is not valid */
  constructor(options: ChannelPoolOptions<P, C>) {
    this.rules = poolRules(options);
  }

  get metrics(): ChannelPoolMetrics {
    return {
      size: this.size,
      idle: this.idle.length,
      leased: this.leased,
      connecting: this.connects.size,
      checking: this.checking,
      waiting: this.waiters.size,
      created: this.created,
      closed: { ...this.closed },
    };
  }

  /**
   * Acquires an idle connection, a new connection, or the next connection that is released. Rejects with `REJECTED_QUEUE`,
   * `TIMEOUT_ACQUIRE`, `POOL_CLOSED`, the signal's reason, or the error of the connect.
   */
  acquire(options?: AcquireOptions): Promise<Lease<C>> {
    const signal = options && ACQUIRE_OPTIONS.resolve(options).signal;
    const refusal = this.refusal(signal);
    if (refusal !== undefined) return Promise.reject(refusal);
    if (this.waiters.size === 0 && this.rules.healthCheck === undefined) {
      const entry = this.takeIdle();
      if (entry !== undefined) return this.leaseNow(entry);
    }
    if (this.mustRefuseWaiter()) return Promise.reject(tooManyWait(this.rules.maxWaiting));
    const { clock, acquireTimeoutMs } = this.rules;
    const waiter = new PoolWaiter<C>(this, clock, acquireTimeoutMs, signal);
    this.waiters.add(waiter);
    this.serve();
    return waiter.promise;
  }

  /**
   * Acquires a connection, calls the task, and releases the connection when the task is done. If the task throws or rejects, or the
   * signal aborts, the connection closes, because an answer for this task may still arrive, and the next user must not get it.
   * Resolves with the result of the task. Rejects with the error of the task, with the signal's reason, or as {@link acquire}.
   *
   * @throws RejectedError `REJECTED_QUEUE` when too many already wait for a connection
   */
  async use<R>(task: (channel: C) => R | PromiseLike<R>, options?: AcquireOptions): Promise<R> {
    const lease = await this.acquire(options);
    try {
      const result = await attempted(async () => task(lease.channel), options ?? {});
      lease.release();
      return result;
    } finally {
      await lease[Symbol.asyncDispose]();
    }
  }

  /**
   * Opens connections until the pool has `min` connections. Resolves when all of them are open or have failed.
   *
   * @throws ChannelError `POOL_CLOSED` after `close`
   */
  async warm(): Promise<void> {
    if (this.isClosed) throw closedError();
    const opening: Promise<void>[] = [];
    while (this.size < this.rules.min) opening.push(this.open());
    await Promise.all(opening);
  }

  /** Refuses new and waiting calls of `acquire`, and closes idle connections. A leased connection closes when it is released. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.sweep?.cancel();
    for (const waiter of this.waiters) waiter.fail(closedError());
    this.waiters.clear();
    for (const connect of this.connects) connect.abort(closedError());
    const idle = this.idle.splice(0);
    for (const entry of idle) this.drop(entry, 'pool');
    await Promise.all(idle.map(({ channel }) => channel.closed));
  }

  /** Calls {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  takeBack(entry: PoolEntry<C>): void {
    this.leased -= 1;
    const { healthCheck, checkOnRelease, onReleased } = this.rules;
    onReleased?.(entry.channel);
    if (this.isBeyondUse(entry)) this.serve();
    else if (healthCheck === undefined || !checkOnRelease) this.putBack(entry);
    else this.check(entry, () => this.putBack(entry));
  }

  /** @internal */
  discard(entry: PoolEntry<C>): void {
    this.leased -= 1;
    this.rules.onReleased?.(entry.channel);
    this.drop(entry, 'discarded');
    this.serve();
  }

  /** @internal */
  timedOut(waiter: PoolWaiter<C>, error: TimedOutError): void {
    if (this.rules.onTimeout === 'new') {
      void this.open();
      return;
    }
    this.waiters.delete(waiter);
    waiter.fail(error);
  }

  /** @internal */
  aborted(waiter: PoolWaiter<C>, error: Error): void {
    this.waiters.delete(waiter);
    waiter.fail(error);
  }

  private get size(): number {
    return this.idle.length + this.leased + this.connects.size + this.checking;
  }

  private refusal(signal: AbortSignal | undefined): Error | undefined {
    if (this.isClosed) return closedError();
    return signal?.aborted === true ? toError(signal.reason) : undefined;
  }

  /** Returns true if too many calls wait. Calls with an idle connection or a connect under way do not count. */
  private mustRefuseWaiter(): boolean {
    const { max, maxWaiting } = this.rules;
    const coming = this.idle.length + this.connects.size + this.checking;
    const room = Math.max(0, max - this.size);
    return this.waiters.size - coming - room >= maxWaiting;
  }

  /** Returns the next usable idle connection, without `healthCheck`. */
  private takeIdle(): PoolEntry<C> | undefined {
    const idle = this.idle;
    for (;;) {
      const entry = this.rules.order === 'lifo' ? idle.pop() : idle.shift();
      if (entry === undefined || !this.isBeyondUse(entry)) return entry;
    }
  }

  /** Closes and removes a connection that has closed, is worn, or exceeds `max`. Returns true if the connection was removed. */
  private isBeyondUse(entry: PoolEntry<C>): boolean {
    const { max, maxAgeMs, maxUses, clock } = this.rules;
    if (this.isClosed) this.drop(entry, 'pool');
    else if (!entry.isUsable) this.drop(entry, 'lost');
    else if (entry.uses >= maxUses) this.drop(entry, 'worn');
    else if (maxAgeMs !== Infinity && clock.now() - entry.createdAt >= maxAgeMs) {
      this.drop(entry, 'worn');
    } else if (this.size >= max) this.drop(entry, 'excess');
    else return false;
    return true;
  }

  private leaseNow(entry: PoolEntry<C>): Promise<Lease<C>> {
    try {
      return Promise.resolve(this.lease(entry));
    } catch (error) {
      return Promise.reject(toError(error));
    }
  }

  private lease(entry: PoolEntry<C>): Lease<C> {
    try {
      const returned: unknown = this.rules.onAcquired?.(entry.channel);
      if (isPromiseLike(returned)) callSafely(() => returned, undefined);
    } catch (error) {
      this.drop(entry, 'discarded');
      throw error;
    }
    entry.uses += 1;
    this.leased += 1;
    return new PoolLease<C>(this, entry);
  }

  /** Gives the connection to the first waiting call, or makes it idle. */
  private putBack(entry: PoolEntry<C>): void {
    if (this.waiters.size > 0) {
      this.giveToWaiter(entry);
      return;
    }
    const { clock } = this.rules;
    entry.idleSince = clock.now();
    this.idle.push(entry);
    if (this.sweep === undefined) this.planSweep();
  }

  private giveToWaiter(entry: PoolEntry<C>): void {
    const [waiter] = this.waiters;
    this.waiters.delete(waiter!);
    try {
      waiter!.serve(this.lease(entry));
    } catch (error) {
      waiter!.fail(toError(error));
      this.serve();
    }
  }

  /** Gives idle connections to waiting calls, and opens new connections for the other calls. */
  private serve(): void {
    if (this.isClosed) return;
    const { healthCheck } = this.rules;
    while (this.waiters.size > this.checking) {
      const entry = this.takeIdle();
      if (entry === undefined) break;
      if (healthCheck === undefined) this.giveToWaiter(entry);
      else this.check(entry, () => this.putBack(entry));
    }
    const missing = (): number => this.waiters.size - this.checking - this.connects.size;
    while ((missing() > 0 || this.size < this.rules.min) && this.size < this.rules.max) {
      if (missing() <= 0 && this.created === 0) break;
      void this.open();
    }
  }

  /** Runs `healthCheck`. Continues with a healthy connection that is still usable. */
  private check(entry: PoolEntry<C>, well: () => void): void {
    const { clock, acquireTimeoutMs, healthCheck } = this.rules;
    this.checking += 1;
    const done = (isWell: unknown): void => {
      this.checking -= 1;
      if (isWell !== true) this.drop(entry, 'sick');
      if (isWell !== true || this.isBeyondUse(entry)) this.serve();
      else well();
    };
    new Attempt<unknown>(
      async () => entry.isUsable && healthCheck!(entry.channel),
      { done, failed: done },
      { clock, timeoutMs: acquireTimeoutMs || Infinity, error: () => new Error() },
    );
  }

  /** Connects. A failure rejects the first waiting call and frees the connection's place in the pool. */
  private async open(): Promise<void> {
    const abort = new AbortController();
    this.connects.add(abort);
    try {
      const { bootstrap, place } = this.rules;
      // An error that the connector throws becomes a rejection, which is handled after the loop
      // that opens connections.
      const channel = await new Promise<C>((resolve) =>
        resolve(bootstrap.connect(place, { signal: abort.signal })),
      );
      this.connects.delete(abort);
      this.adopt(channel);
    } catch (error) {
      this.connects.delete(abort);
      const [waiter] = this.waiters;
      if (waiter === undefined) return;
      this.waiters.delete(waiter);
      waiter.fail(toError(error));
      this.serve();
    }
  }

  private adopt(channel: C): void {
    const entry = new PoolEntry(channel, this.rules.clock.now());
    this.created += 1;
    channel.onClosed(() => this.lost(entry));
    this.rules.onCreated?.(channel);
    if (this.isClosed) this.drop(entry, 'pool');
    else if (!entry.isUsable) this.drop(entry, 'lost');
    else {
      this.putBack(entry);
      return;
    }
    this.serve();
  }

  /**
   * Handles a closed connection. An idle connection leaves the pool at once. A leased connection leaves the pool when it is
   * released.
   */
  private lost(entry: PoolEntry<C>): void {
    const index = this.idle.indexOf(entry);
    if (index === -1) return;
    this.idle.splice(index, 1);
    this.drop(entry, 'lost');
    this.serve();
  }

  private drop(entry: PoolEntry<C>, reason: PoolCloseReason): void {
    if (entry.isGone) return;
    entry.isGone = true;
    this.closed[reason] += 1;
    const { channel } = entry;
    if (reason === 'sick' || reason === 'discarded') channel.close();
    else channel.end();
  }

  /** Schedules one timer, for the connection that has been idle longest. */
  private planSweep(): void {
    const { idleMs, clock } = this.rules;
    const [oldest] = this.idle;
    if (oldest === undefined || idleMs === Infinity || this.isClosed) return;
    const leftMs = oldest.idleSince + idleMs - clock.now();
    this.sweep = clock.schedule(() => this.sweepIdle(), Math.max(1, leftMs));
  }

  private sweepIdle(): void {
    const { idleMs, clock, min } = this.rules;
    const now = clock.now();
    this.sweep = undefined;
    for (const entry of [...this.idle]) {
      if (now < entry.idleSince + idleMs) break;
      if (this.size <= min) entry.idleSince = now;
      else {
        this.idle.splice(this.idle.indexOf(entry), 1);
        this.drop(entry, 'idle');
      }
    }
    this.idle.sort((a, b) => a.idleSince - b.idleSince);
    this.planSweep();
  }
}

function closedError(): ChannelError {
  return new ChannelError(CLIENT_ERRORS.POOL_CLOSED, 'the pool of connections is closed');
}

function tooManyWait(maxWaiting: number): RejectedError {
  const text = `${maxWaiting} callers wait for a connection of the pool, which is the limit maxWaiting: acquire fewer, or raise it`;
  return new RejectedError('REJECTED_QUEUE', text, { maxWaiting });
}
