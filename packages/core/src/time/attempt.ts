import { onAbort } from '../call/on-abort.ts';
import type { Clock, Timer } from '../contract/clock.ts';
import { toError } from '../errors.ts';

/**
 * The callbacks of an {@link Attempt}. One of `done` and `failed` is called, once. After a `drop`, only `late` can be called.
 */
export interface AttemptOutcome<T> {
  readonly done: (result: T) => void;
  /** Called with the error of the work, or with the error of the time-out. */
  readonly failed: (error: Error) => void;
  /** Called with a result that arrives too late. */
  readonly late?: (result: T) => void;
}

/** The time limit of an {@link Attempt}. */
export interface AttemptLimit {
  readonly clock: Clock;
  /** Maximum duration in milliseconds. `Infinity` means no limit. */
  readonly timeoutMs: number;
  /** Creates the error of the time-out. */
  readonly error: () => Error;
}

/** Work that takes time and can be dropped, such as a connect, a request or a lookup. The work can have a time-out. */
export class Attempt<T> {
  private readonly abort = new AbortController();
  private readonly outcome: AttemptOutcome<T>;
  private readonly deadline: Timer | undefined = undefined;
  private isOver = false;

  /**
   * @param step - function that starts the work; its signal aborts when the result is no longer needed
   * @param limit - time limit; without it, the work can take any time
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
    // A step that throws is handled like a step that rejects.
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

  /** Ends the attempt, because its result is no longer needed. */
  drop(why: Error = new Error('the result is no longer needed')): void {
    if (this.end()) this.abort.abort(why);
  }

  private timedOut(error: Error): void {
    this.drop(error);
    this.outcome.failed(error);
  }

  /** Ends the attempt. Returns false if it has already ended. */
  private end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.deadline?.cancel();
    return true;
  }
}

/** Limits of {@link attempted}. */
export interface AttemptLimits {
  /** Signal that ends the attempt. @default none */
  readonly signal?: AbortSignal;
  /** Time limit of the attempt. @default no limit */
  readonly limit?: AttemptLimit;
}

/** Runs an {@link Attempt} as a promise. The promise rejects when the signal aborts, even if the step never settles. */
export function attempted<T>(
  step: (signal: AbortSignal) => PromiseLike<T>,
  { signal, limit }: AttemptLimits,
  late: (result: T) => void = () => {},
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let stopListening: (() => void) | undefined;
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
    const aborted = (): void => {
      attempt.drop(toError(signal?.reason));
      reject(toError(signal?.reason));
    };
    // The step itself can abort the signal.
    if (signal?.aborted === true) aborted();
    else stopListening = signal && onAbort(signal, aborted);
  });
}
