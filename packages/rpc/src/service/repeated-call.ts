import { isHeadraceError, type Timer } from '@headrace/core';
import { onAbort, toError } from '@headrace/core/authoring';
import { afterSent, requestAborted, requestTimedOut, wasSent } from '@headrace/handlers/call';
import {
  type CallLimits,
  type CallRules,
  isRepeatable,
  type MakeAttempt,
  retryDelay,
} from './call-rules.ts';

/**
 * One call in several attempts, one after the other. An answer ends the call, even if the answer is an error. The call ends within
 * its time limit, or with its signal.
 */
export class RepeatedCall {
  readonly answer: Promise<unknown>;
  private readonly rules: CallRules;
  private readonly limits: CallLimits;
  private readonly make: MakeAttempt;
  private readonly begunAt: number;
  private readonly deadline: number;
  private readonly phase: number;
  /** The attempt under way. */
  private running: AbortController | undefined = undefined;
  private made = 0;
  private mayHaveLeft = false;
  /** Timer of the next attempt, which has taken a token of the budget. */
  private timer: Timer | undefined = undefined;
  private isOver = false;
  private readonly stopListening: (() => void) | undefined;
  private resolve!: (answer: unknown) => void;
  private reject!: (error: unknown) => void;

  constructor(rules: CallRules, limits: CallLimits, make: MakeAttempt) {
    const { clock, random, budget } = rules;
    this.rules = rules;
    this.limits = limits;
    this.make = make;
    const { timeoutMs, signal } = limits;
    this.begunAt = clock.now();
    this.deadline = this.begunAt + timeoutMs;
    this.phase = random();
    this.answer = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    budget.called();
    this.stopListening = signal && onAbort(signal, () => this.aborted(signal));
    if (signal?.aborted === true) this.aborted(signal);
    else this.attempt();
  }

  private attempt(): void {
    const leftMs = this.deadline - this.rules.clock.now();
    // The timer is late if the process stood still.
    if (leftMs <= 0) this.fail(this.timedOut());
    else this.begin(leftMs);
  }

  private begin(leftMs: number): void {
    this.made += 1;
    const controller = new AbortController();
    this.running = controller;
    const { attemptTimeoutMs } = this.rules.retry;
    const timeMs = Math.ceil(Math.min(leftMs, attemptTimeoutMs));
    const timeoutMs = Number.isFinite(timeMs) ? timeMs : false;
    const options = { timeoutMs, signal: controller.signal } as const;
    // An attempt that throws counts as an attempt that rejects.
    new Promise((resolve) => resolve(this.make(options))).then(
      (answer) => this.answered(answer),
      (thrown) => this.attemptFailed(toError(thrown)),
    );
  }

  private answered(answer: unknown): void {
    this.running = undefined;
    if (this.end()) this.resolve(answer);
  }

  private attemptFailed(error: Error): void {
    this.running = undefined;
    this.mayHaveLeft ||= wasSent(error);
    const { signal } = this.limits;
    if (signal?.aborted === true) this.aborted(signal);
    else if (!this.mayRepeat(error)) this.fail(error);
    else if (this.rules.clock.now() >= this.deadline) this.fail(this.timedOut());
    else this.retry(error);
  }

  private mayRepeat(error: Error): boolean {
    return isRepeatable(this.rules, error) || isHeadraceError(error, 'TIMEOUT_REQUEST');
  }

  private retry(error: Error): void {
    const { clock, budget } = this.rules;
    const now = clock.now();
    try {
      const { made, begunAt, phase } = this;
      const delayMs = retryDelay(this.rules, error, { made, elapsedMs: now - begunAt, phase });
      const isInTime = delayMs !== undefined && now + delayMs < this.deadline;
      if (isInTime && budget.tryTake(now)) this.backOff(delayMs);
      else this.fail(error);
    } catch (thrown) {
      // The application's function returned a value that is not a delay.
      this.fail(toError(thrown));
    }
  }

  private backOff(delayMs: number): void {
    const next = (): void => {
      this.timer = undefined;
      this.attempt();
    };
    this.timer = this.rules.clock.schedule(next, delayMs, true);
  }

  private aborted(signal: AbortSignal): void {
    // The error of an attempt reports whether it was sent.
    if (this.running !== undefined) this.running.abort(signal.reason);
    else this.fail(requestAborted(signal, this.mayHaveLeft));
  }

  private timedOut(): Error {
    return requestTimedOut(this.limits.timeoutMs, this.mayHaveLeft);
  }

  private fail(error: Error): void {
    if (this.end()) this.reject(this.mayHaveLeft ? afterSent(error) : error);
  }

  /** Ends the call. Returns false if the call has already ended. */
  private end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    if (this.timer !== undefined) {
      this.timer.cancel();
      this.rules.budget.giveBack();
    }
    this.stopListening?.();
    return true;
  }
}
