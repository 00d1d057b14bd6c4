import { callSafely } from '../call/call-safely.ts';
import type { WriteFuture } from '../contract.ts';
import { toError } from '../errors.ts';

type Listener = (error: Error | undefined) => void;

// The state of a future as bits, to save memory. There is one future for each flush of each connection.
const DONE = 1;
const FAILED = 2;
const SETTLED = DONE | FAILED;
const OBSERVED = 4;
const HANDED_OVER = 8;

/** Reports a failed future whose failure was not observed. A handler's context implements it. */
export interface FailureReporter {
  /** Reports the error, unless the future is observed in time. */
  reportFailure(future: WriteFuture, error: Error): void;
}

/**
 * A {@link WriteFuture} that its owner settles. It creates a promise only on request. It records whether it was observed, so
 * that an unobserved failure can be reported.
 */
export class SettableFuture implements WriteFuture {
  private flags = 0;
  /** Listeners, or the error after a failure. */
  private rest: Listener | Listener[] | Error | undefined = undefined;

  static succeeded(): SettableFuture {
    const future = new SettableFuture();
    future.flags = DONE;
    return future;
  }

  static failed(error: Error): SettableFuture {
    const future = new SettableFuture();
    future.fail(error);
    return future;
  }

  /** Returns the result of a handler's operation as a future. A promise is converted. A missing result counts as success. */
  static from(
    result: WriteFuture | PromiseLike<void> | undefined,
    failed?: (future: SettableFuture, error: Error) => void,
  ): WriteFuture {
    if (result instanceof SettableFuture) return result;
    if (result === undefined || result === null) return SettableFuture.succeeded();
    if ('peekSettled' in result) return result;
    const future = new SettableFuture();
    Promise.resolve(result).then(
      () => future.succeed(),
      (reason: unknown) => {
        const error = toError(reason);
        // A promise does not show how much the handler has sent.
        future.handOver();
        future.fail(error);
        failed?.(future, error);
      },
    );
    return future;
  }

  get isSettled(): boolean {
    return (this.flags & SETTLED) !== 0;
  }

  get isSuccess(): boolean {
    return (this.flags & DONE) !== 0;
  }

  get error(): Error | undefined {
    this.flags |= OBSERVED;
    return this.failure;
  }

  get mayHaveLeft(): boolean {
    return (this.flags & (DONE | HANDED_OVER)) !== 0;
  }

  /** Whether a listener was added, the future was awaited, or its error was read. */
  get isObserved(): boolean {
    return (this.flags & OBSERVED) !== 0;
  }

  /** Settles the future as a success. Does nothing if it is settled. */
  succeed(): void {
    if (this.isSettled) return;
    this.flags |= DONE;
    if (this.rest !== undefined) this.notify(undefined);
  }

  /** Settles the future as a failure. Does nothing if it is settled. */
  fail(error: Error): void {
    if (this.isSettled) return;
    this.flags |= FAILED;
    if (this.rest === undefined) this.rest = error;
    else this.notify(error);
  }

  /** Records that the transport received a part of the message, for {@link mayHaveLeft}. */
  handOver(): void {
    this.flags |= HANDED_OVER;
  }

  /**
   * Settles this future as `write` settles, when a handler has returned this future and writes later. An unobserved failure of
   * this future is reported.
   *
   * @param explain - function that converts the error of `write` to the error of this future
   */
  follow(write: WriteFuture, reporter: FailureReporter, explain?: (error: Error) => Error): void {
    write.onSettled((failure) => {
      if (failure === undefined) this.succeed();
      else {
        const error = explain?.(failure) ?? failure;
        if (write.mayHaveLeft) this.handOver();
        this.fail(error);
        reporter.reportFailure(this, error);
      }
    });
  }

  onSettled(listener: (error: Error | undefined) => void): void {
    this.flags |= OBSERVED;
    this.peekSettled(listener);
  }

  peekSettled(listener: (error: Error | undefined) => void): void {
    const { rest } = this;
    if (this.isSettled) callSafely(listener, this.failure);
    else if (rest === undefined) this.rest = listener;
    else if (typeof rest === 'function') this.rest = [rest, listener];
    else (rest as Listener[]).push(listener);
  }

  // biome-ignore lint/suspicious/noThenProperty: a future is awaitable
  then<A = void, B = never>(
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.toPromise().then(onFulfilled, onRejected);
  }

  catch<T = never>(
    onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null,
  ): Promise<void | T> {
    return this.toPromise().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<void> {
    return this.toPromise().finally(onFinally);
  }

  private toPromise(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onSettled((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  private get failure(): Error | undefined {
    return (this.flags & FAILED) !== 0 ? (this.rest as Error) : undefined;
  }

  /** If one listener throws, the others are still called. */
  private notify(error: Error | undefined): void {
    const listeners = this.rest as Listener | Listener[];
    this.rest = error;
    if (typeof listeners === 'function') callSafely(listeners, error);
    else for (const listener of listeners) callSafely(listener, error);
  }
}
