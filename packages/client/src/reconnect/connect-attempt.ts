import { type Channel, type Clock, TimedOutError, type Timer } from '@headrace/core';
import { toError } from '@headrace/core/authoring';

/** Gets the outcome of a {@link ConnectAttempt}, once; nothing after its `drop`. */
export interface AttemptOutcome<T> {
  done(result: T): void;
  failed(error: Error): void;
}

/** One step of a try that takes time, with a time-out, that can be dropped. */
export class ConnectAttempt<T> {
  private readonly abort = new AbortController();
  private readonly outcome: AttemptOutcome<T>;
  private readonly release: (late: T) => void;
  private readonly deadline: Timer | undefined;
  private isOver = false;

  /**
   * @param step - begins the work; the signal aborts when it is not wanted any more
   * @param late - the error after `timeoutMs`
   * @param release - gets a result that comes too late
   */
  constructor(
    step: (signal: AbortSignal) => PromiseLike<T>,
    clock: Clock,
    timeoutMs: number,
    late: () => TimedOutError,
    outcome: AttemptOutcome<T>,
    release: (late: T) => void = () => {},
  ) {
    this.outcome = outcome;
    this.release = release;
    this.deadline = Number.isFinite(timeoutMs)
      ? clock.schedule(() => this.failed(late()), timeoutMs, true)
      : undefined;
    // A step that throws is one that rejects.
    new Promise<T>((resolve) => resolve(step(this.abort.signal))).then(
      (result) => this.done(result),
      (error: unknown) => this.failed(toError(error)),
    );
  }

  /** Ends the attempt: its connection is not needed any more. */
  drop(why: Error = new Error('nobody waits for this connection any more')): void {
    this.end(why);
  }

  private done(result: T): void {
    if (this.isOver) {
      this.release(result);
      return;
    }
    this.isOver = true;
    this.deadline?.cancel();
    this.outcome.done(result);
  }

  private failed(error: Error): void {
    if (this.end(error)) this.outcome.failed(error);
  }

  private end(why: Error): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.deadline?.cancel();
    this.abort.abort(why);
    return true;
  }
}

/** Limits of {@link attempted}. */
export interface AttemptLimits {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** How long it may take, and to where: for the error. @default as long as it takes */
  readonly within?: { readonly timeoutMs: number; readonly where: string };
}

const NO_LIMIT = { timeoutMs: Number.POSITIVE_INFINITY, where: '' };

/** As a promise: rejects when the signal aborts, even if the step never settles. */
export function attempted<T>(
  step: (signal: AbortSignal) => PromiseLike<T>,
  { signal, clock, within = NO_LIMIT }: AttemptLimits,
  release: (late: T) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const aborted = (): void => {
      attempt.drop(toError(signal.reason));
      reject(toError(signal.reason));
    };
    const over = (): void => signal.removeEventListener('abort', aborted);
    const outcome = {
      done: (result: T): void => {
        over();
        resolve(result);
      },
      failed: (error: Error): void => {
        over();
        reject(error);
      },
    };
    const { timeoutMs, where } = within;
    const late = (): TimedOutError => connectTimedOut(where, timeoutMs);
    const attempt = new ConnectAttempt(step, clock, timeoutMs, late, outcome, release);
    signal.addEventListener('abort', aborted, { once: true });
    if (signal.aborted) aborted();
  });
}

/** For a connection that comes too late. */
export function closeLate(channel: Channel): void {
  channel.close();
}

/** The error of a connect that took too long. */
export function connectTimedOut(where: string, timeoutMs: number): TimedOutError {
  return new TimedOutError('TIMEOUT_CONNECT', `no connection to ${where} within ${timeoutMs} ms`, {
    timeoutMs,
  });
}
