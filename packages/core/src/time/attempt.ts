import { onAbort } from '../call/on-abort.ts';
import type { Clock, Timer } from '../contract.ts';
import { toError } from '../errors.ts';

/** Gets the outcome of a {@link Attempt}, once; nothing but a late result after its `drop`. */
export interface AttemptOutcome<T> {
  /** Gets the result. */
  readonly done: (result: T) => void;
  /** Gets the error of the work, or that of the time-out. */
  readonly failed: (error: Error) => void;
  /** A result that comes too late. */
  readonly late?: (result: T) => void;
}

/** How long a {@link Attempt} may take. */
export interface AttemptLimit {
  readonly clock: Clock;
  /** How long it may take; `Infinity` for no limit. */
  readonly timeoutMs: number;
  /** Makes the error of the time-out. */
  readonly error: () => Error;
}

/** Work that takes time, with a time-out, that can be dropped: a connect, a request, a lookup. */
export class Attempt<T> {
  private readonly abort = new AbortController();
  private readonly outcome: AttemptOutcome<T>;
  private readonly deadline: Timer | undefined = undefined;
  private isOver = false;

  /**
   * @param step - begins the work; its signal aborts when the work is not needed any more
   * @param limit - default: as long as it takes
   */
  constructor(
    step: (signal: AbortSignal) => PromiseLike<T>,
    outcome: AttemptOutcome<T>,
    limit?: AttemptLimit,
  ) {
    this.outcome = outcome;
    if (limit !== undefined && Number.isFinite(limit.timeoutMs)) {
      const { clock, timeoutMs, error } = limit;
      this.deadline = clock.schedule(() => this.timedOut(error()), timeoutMs, true);
    }
    // A step that throws is one that rejects.
    new Promise<T>((resolve) => resolve(step(this.abort.signal))).then(
      (result) => {
        if (this.end()) outcome.done(result);
        else outcome.late?.(result);
      },
      (error: unknown) => {
        if (this.end()) outcome.failed(toError(error));
      },
    );
  }

  /** Ends the attempt: its result is not needed any more. */
  drop(why: Error = new Error('the result is no longer needed')): void {
    if (this.end()) this.abort.abort(why);
  }

  private timedOut(error: Error): void {
    this.drop(error);
    this.outcome.failed(error);
  }

  /** False if it is over already. */
  private end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.deadline?.cancel();
    return true;
  }
}

/** Limits of {@link attempted}. */
export interface AttemptLimits {
  /** @default none: nobody ends it before its time */
  readonly signal?: AbortSignal;
  /** @default as long as it takes */
  readonly limit?: AttemptLimit;
}

/** As a promise: rejects when the signal aborts, even if the step never settles. */
export function attempted<T>(
  step: (signal: AbortSignal) => PromiseLike<T>,
  { signal, limit }: AttemptLimits,
  late: (result: T) => void = () => {},
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const aborted = (): void => {
      attempt.drop(toError(signal?.reason));
      reject(toError(signal?.reason));
    };
    const stopListening = signal && onAbort(signal, aborted);
    const outcome = {
      done: (result: T): void => {
        stopListening?.();
        resolve(result);
      },
      failed: (error: Error): void => {
        stopListening?.();
        reject(error);
      },
      late,
    };
    const attempt = new Attempt(step, outcome, limit);
    if (signal?.aborted === true) aborted();
  });
}
