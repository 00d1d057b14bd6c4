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

  /** Nobody waits for it any more. */
  drop(): void {
    this.end(new Error('nobody waits for this connection any more'));
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
