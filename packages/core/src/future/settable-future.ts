import { callSafely } from '../call/call-safely.ts';
import type { WriteFuture } from '../contract.ts';
import { toError } from '../errors.ts';

type Listener = (error: Error | undefined) => void;

// The state of a future as bits: there is one future for each flush of each connection.
const DONE = 1;
const FAILED = 2;
const SETTLED = DONE | FAILED;
const OBSERVED = 4;
const HANDED_OVER = 8;

/** Reports a failed future whose failure was not observed: a handler's context. */
export interface FailureReporter {
  /** Reports the error, unless the future is observed in time. */
  reportFailure(future: WriteFuture, error: Error): void;
}

/**
 * A {@link WriteFuture} that its owner settles. It allocates a promise only on request, and
 * remembers whether it was observed, so that a failure can be reported and is not lost.
 */
export class SettableFuture implements WriteFuture {
  private flags = 0;
  /** The listeners; once it has failed, the error. */
  private rest: Listener | Listener[] | Error | undefined = undefined;

  /** A future that has succeeded. */
  static succeeded(): SettableFuture {
    const future = new SettableFuture();
    future.flags = DONE;
    return future;
  }

  /** A future that has failed. */
  static failed(error: Error): SettableFuture {
    const future = new SettableFuture();
    future.fail(error);
    return future;
  }

  /** The result of a handler's operation as a future: itself, a promise's outcome, or done for nothing. */
  static from(
    result: WriteFuture | PromiseLike<void> | undefined,
    failed?: (future: SettableFuture, error: Error) => void,
  ): WriteFuture {
    if (result instanceof SettableFuture) return result;
    if (result === undefined || result === null) return SettableFuture.succeeded();
    if ('onSettled' in result) return result;
    const future = new SettableFuture();
    result.then(
      () => future.succeed(),
      (reason: unknown) => {
        const error = toError(reason);
        // A promise does not tell how far the handler came.
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

  /** True once a listener was added, the future was awaited or its error was read. */
  get isObserved(): boolean {
    return (this.flags & OBSERVED) !== 0;
  }

  /** Settles it as a success; does nothing if it is settled. */
  succeed(): void {
    if (this.isSettled) return;
    this.flags |= DONE;
    if (this.rest !== undefined) this.notify(undefined);
  }

  /** Settles it as a failure; does nothing if it is settled. */
  fail(error: Error): void {
    if (this.isSettled) return;
    this.flags |= FAILED;
    if (this.rest === undefined) this.rest = error;
    else this.notify(error);
  }

  /** Something of the message was given to the transport: {@link mayHaveLeft}. */
  handOver(): void {
    this.flags |= HANDED_OVER;
  }

  /**
   * Settles as another future does: for a handler that returned this one, and writes later. The
   * other one's failure becomes this one's, and is reported if this one is not observed.
   *
   * @param explain - makes this one's error of the other one's
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

  /** A throw of one listener does not keep the others from being called. */
  private notify(error: Error | undefined): void {
    const listeners = this.rest as Listener | Listener[];
    this.rest = error;
    if (typeof listeners === 'function') callSafely(listeners, error);
    else for (const listener of listeners) callSafely(listener, error);
  }
}
