import { isHeadraceError, type Timer } from '@headrace/core';
import { onAbort, toError } from '@headrace/core/authoring';
import { afterSent, requestAborted, requestTimedOut, wasSent } from '../call/call-error.ts';
import {
  type CallLimits,
  type CallRules,
  isRepeatable,
  type MakeAttempt,
  retryDelay,
} from './call-rules.ts';

/**
 * One call in several attempts, one after the other (retry) or at the same time (hedge). The first answer ends the call, even if
 * the answer is an error, and the other attempts are cancelled. The call ends within its time limit, or with its signal.
 */
export class RepeatedCall {
  readonly answer: Promise<unknown>;
  private readonly rules: CallRules;
  private readonly limits: CallLimits;
  private readonly make: MakeAttempt;
  private readonly begunAt: number;
  private readonly deadline: number;
  private readonly phase: number;
  /** Attempts without an answer. */
  private readonly running = new Set<AbortController>();
  private made = 0;
  private mayHaveLeft = false;
  /** Timer of the next attempt. */
  private timer: Timer | undefined = undefined;
  /** Whether the timer is that of a retry, which has taken a token of the budget. */
  private isBackingOff = false;
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
    this.running.add(controller);
    const { attemptTimeoutMs = Number.POSITIVE_INFINITY } = this.rules.retry ?? {};
    const timeMs = Math.ceil(Math.min(leftMs, attemptTimeoutMs));
    const timeoutMs = Number.isFinite(timeMs) ? timeMs : false;
    const options = { timeoutMs, signal: controller.signal } as const;
    // An attempt that throws counts as an attempt that rejects.
    new Promise((resolve) => resolve(this.make(options))).then(
      (answer) => this.answered(controller, answer),
      (thrown) => this.attemptFailed(controller, toError(thrown)),
    );
    this.planHedge();
  }

  private planHedge(): void {
    const { hedge, retry, clock } = this.rules;
    if (hedge === undefined || this.isOver) return;
    // If a call is both retried and hedged, both options limit its attempts.
    const attempts = Math.min(hedge.attempts, retry?.attempts ?? hedge.attempts);
    if (this.made >= attempts) return;
    this.timer = clock.schedule(() => this.hedge(), hedge.delayMs);
  }

  private hedge(): void {
    const { budget, clock } = this.rules;
    if (this.deadline > clock.now() && budget.tryTake(clock.now())) this.attempt();
  }

  private answered(controller: AbortController, answer: unknown): void {
    this.running.delete(controller);
    if (this.end()) this.resolve(answer);
  }

  private attemptFailed(controller: AbortController, error: Error): void {
    this.running.delete(controller);
    if (this.isOver) return;
    this.mayHaveLeft ||= wasSent(error);
    const { signal } = this.limits;
    // The attempt was not sent, so its error is not an answer. The other attempts may receive an answer.
    const isNone =
      this.running.size > 0 && isHeadraceError(error) && error.details['sent'] === false;
    if (signal?.aborted === true) this.cancelled(signal);
    else if (!isNone && !this.mayRepeat(error)) this.fail(error);
    else if (this.rules.clock.now() >= this.deadline) this.fail(this.timedOut());
    else if (this.running.size === 0) this.retry(error);
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
    this.timer?.cancel();
    this.isBackingOff = true;
    const next = (): void => {
      this.isBackingOff = false;
      this.attempt();
    };
    this.timer = this.rules.clock.schedule(next, delayMs, true);
  }

  private aborted(signal: AbortSignal): void {
    if (this.running.size === 0) this.cancelled(signal);
    // The error of each attempt reports whether it was sent.
    for (const controller of this.running) controller.abort(signal.reason);
  }

  private cancelled(signal: AbortSignal): void {
    if (this.running.size === 0) this.fail(requestAborted(signal, this.mayHaveLeft));
  }

  /** Whether an attempt may have left. An attempt under way may have left, and its error is not awaited. */
  private get isSent(): boolean {
    return this.mayHaveLeft || this.running.size > 0;
  }

  private timedOut(): Error {
    return requestTimedOut(this.limits.timeoutMs, this.isSent);
  }

  private fail(error: Error): void {
    const { isSent } = this;
    if (this.end()) this.reject(isSent ? afterSent(error) : error);
  }

  /** Ends the call. Returns false if the call has already ended. */
  private end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.timer?.cancel();
    if (this.isBackingOff) this.rules.budget.giveBack();
    this.stopListening?.();
    for (const controller of this.running) controller.abort(new Error('the call is over'));
    return true;
  }
}
