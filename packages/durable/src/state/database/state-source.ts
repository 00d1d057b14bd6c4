import { ChannelError, type Clock, type Logger, type Timer } from '@headrace/core';
import {
  attempted,
  checkedDelay,
  exponential,
  markExpected,
  toError,
} from '@headrace/core/authoring';
import { DURABLE_ERRORS, MAX_WAITING, TOO_MANY_WAIT } from '../../durable-errors.ts';
import type { SourcePlan } from '../state-options.ts';
import type { StateView } from '../state-view.ts';
import { type ReadingOwner, RowReading } from './row-reading.ts';
import type { RowWrites } from './row-writes.ts';

/** The parts of its group that {@link StateSource} works with. */
export interface SourceOwner<Value> extends ReadingOwner<Value> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly group: string;
  readonly writes: RowWrites<Value>;
  random(): number;
  /** Returns the whole state on this node, or undefined while it is read. */
  view(): StateView<Value> | undefined;
  /** Resolves after a read of the store that begins now or later. */
  caughtUp(): Promise<void>;
  /** Called when the state agrees with the database. */
  agreed(): void;
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/** Time after which the log tells of a read that has not ended, if its time limit is longer or off. */
const SLOW_MS = 10_000;
/** The wait before a read that follows a failed one. */
const RETRY = exponential({ baseMs: 500, maxMs: 30_000, jitter: 'equal' });

/**
 * Compares the database of the application with the state of a group: when this node begins to keep the state, when the store has lost it,
 * from time to time, and when the application asks. The differences are stored as changes of the group, so all nodes and members get them
 * in the order of the store. Until the first comparison, members of this node wait.
 */
export class StateSource<Value> {
  private readonly owner: SourceOwner<Value>;
  private readonly plan: SourcePlan<Value>;
  private agrees = false;
  private asks = false;
  private lastError: Error | undefined = undefined;
  private failures = 0;
  private failedSince = 0;
  /** The present read, or undefined. */
  private present: AbortController | undefined = undefined;
  private timer: Timer | undefined = undefined;
  /** The calls that the present read answers, and those that need another one. */
  private answered: Waiter[] = [];
  private waiting: Waiter[] = [];

  constructor(owner: SourceOwner<Value>, plan: SourcePlan<Value>) {
    this.owner = owner;
    this.plan = plan;
  }

  /** Whether the state has agreed with the database since it began. */
  get hasAgreed(): boolean {
    return this.agrees;
  }

  /** Whether the database or the store may still answer, after no failure. */
  get isUnderWay(): boolean {
    return this.asks && this.lastError === undefined;
  }

  /** The error of the last read, if it failed. */
  get error(): Error | undefined {
    return this.lastError;
  }

  /** Called when the whole state has arrived from the store. */
  begin(): void {
    void this.read();
  }

  /** Called before the whole state arrives from the store. Until it has arrived, there is nothing to compare. */
  restart(): void {
    const { present } = this;
    this.present = undefined;
    this.timer?.cancel();
    this.agrees = false;
    this.asks = false;
    this.lastError = undefined;
    this.failures = 0;
    this.waiting.unshift(...this.answered.splice(0));
    present?.abort();
  }

  /** Called when this node does not keep the state any more. */
  stop(why: () => Error): void {
    this.restart();
    for (const { reject } of this.waiting.splice(0)) reject(why());
  }

  /** Resolves when the state agrees with a read of the database that begins now or later. Rejects if this read fails. */
  refresh(): Promise<void> {
    if (this.waiting.length >= MAX_WAITING) {
      return Promise.reject(this.notRead(new Error(`it ${TOO_MANY_WAIT}`)));
    }
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      if (this.present === undefined && this.owner.view() !== undefined) void this.read();
    });
  }

  private async read(): Promise<void> {
    this.timer?.cancel();
    const present = new AbortController();
    this.present = present;
    this.answered = this.waiting.splice(0);
    let error: Error | undefined;
    try {
      await this.compare(present.signal);
    } catch (thrown) {
      error = toError(thrown);
    }
    if (this.present !== present) return;
    this.present = undefined;
    this.asks = false;
    this.settle(error);
    // A call that was answered can be the last one that needed the state.
    if (this.present !== undefined || this.owner.view() === undefined) return;
    if (this.waiting.length > 0) void this.read();
    else this.readLater();
  }

  private async compare(signal: AbortSignal): Promise<void> {
    const { owner, plan } = this;
    const { clock, writes } = owner;
    const { timeoutMs } = plan;
    const reading = new RowReading(owner, owner.view()!);
    let slow: Timer | undefined;
    this.asks = true;
    try {
      const error = (): Error => new Error(`it did not give all rows within ${timeoutMs} ms`);
      const limit = { clock, timeoutMs, error };
      slow = timeoutMs > SLOW_MS ? clock.schedule(() => this.warnSlow(), SLOW_MS) : undefined;
      await attempted((ended) => reading.read(plan.getState, ended), { signal, limit });
    } catch (thrown) {
      throw this.notRead(toError(thrown));
    } finally {
      slow?.cancel();
    }
    const isAny = await writes.tell(reading, signal);
    if (signal.aborted) return;
    const { doubt } = reading;
    if (doubt !== undefined) throw this.notRead(doubt);
    this.asks = false;
    if (isAny) await owner.caughtUp();
  }

  private warnSlow(): void {
    const { group, logger } = this.owner;
    const waits = this.agrees ? '' : ', and members wait for it';
    const text = `getState of the state group ${group} has not given all rows for ${SLOW_MS / 1000} s${waits}`;
    logger.log('warn', `${text}; getStateTimeoutMs would end it`);
  }

  private settle(error: Error | undefined): void {
    const { owner } = this;
    const { clock, logger, group } = owner;
    const answered = this.answered.splice(0);
    this.lastError = error;
    if (error === undefined) {
      this.failures = 0;
      this.agrees = true;
      owner.agreed();
      for (const { resolve } of answered) resolve();
      return;
    }
    if (this.failures === 0) this.failedSince = clock.now();
    this.failures += 1;
    logger.log('warn', `the state group ${group} was not compared with its database`, error);
    for (const { reject } of answered) reject(error);
  }

  private readLater(): void {
    const { clock } = this.owner;
    const delayMs = this.delayMs();
    if (delayMs < Number.POSITIVE_INFINITY) {
      this.timer = clock.schedule(() => void this.read(), delayMs);
    }
  }

  private delayMs(): number {
    const { owner, plan, failures, failedSince } = this;
    const random = (): number => owner.random();
    if (failures === 0) return plan.refreshMs * (0.5 + random() / 2);
    const elapsedMs = owner.clock.now() - failedSince;
    return checkedDelay(RETRY(failures, { elapsedMs, phase: random(), random })!);
  }

  private notRead(cause: Error): ChannelError {
    const { group } = this.owner;
    const text = `getState of the state group ${group} failed: ${cause.message}`;
    return new ChannelError(DURABLE_ERRORS.STATE_NOT_READ, text, { group }, markExpected(cause));
  }
}
