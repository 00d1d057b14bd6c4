import type { WriteFuture } from '../contract.ts';
import { callSafely } from './call-safely.ts';

type Listener = (error: Error | undefined) => void;

const PENDING = 0;
const DONE = 1;
const FAILED = 2;

/**
 * A {@link WriteFuture} that its owner settles. It allocates a promise only when somebody asks for one,
 * and remembers whether anybody ever looked, so that a failure can be reported instead of vanishing.
 */
export class SettableFuture implements WriteFuture {
  private state = PENDING;
  private failure: Error | undefined = undefined;
  private listeners: Listener | Listener[] | undefined = undefined;
  private observed = false;

  static succeeded(): SettableFuture {
    const future = new SettableFuture();
    future.state = DONE;
    return future;
  }

  static failed(error: Error): SettableFuture {
    const future = new SettableFuture();
    future.fail(error);
    return future;
  }

  /** What a handler returned, as a future: itself, a promise's outcome, or done for nothing. */
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
        const error = reason instanceof Error ? reason : new Error(String(reason));
        future.fail(error);
        failed?.(future, error);
      },
    );
    return future;
  }

  get isSettled(): boolean {
    return this.state !== PENDING;
  }

  get isSuccess(): boolean {
    return this.state === DONE;
  }

  get error(): Error | undefined {
    this.observed = true;
    return this.failure;
  }

  /** True once somebody listened, awaited or read the error. */
  get isObserved(): boolean {
    return this.observed;
  }

  succeed(): void {
    if (this.state !== PENDING) return;
    this.state = DONE;
    if (this.listeners !== undefined) this.notify();
  }

  fail(error: Error): void {
    if (this.state !== PENDING) return;
    this.state = FAILED;
    this.failure = error;
    if (this.listeners !== undefined) this.notify();
  }

  onSettled(listener: Listener): void {
    this.observed = true;
    this.peekSettled(listener);
  }

  peekSettled(listener: Listener): void {
    if (this.state !== PENDING) callSafely(listener, this.failure);
    else if (this.listeners === undefined) this.listeners = listener;
    else if (typeof this.listeners === 'function') this.listeners = [this.listeners, listener];
    else this.listeners.push(listener);
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

  /** One listener's throw does not keep the others from hearing. */
  private notify(): void {
    const listeners = this.listeners;
    this.listeners = undefined;
    if (typeof listeners === 'function') callSafely(listeners, this.failure);
    else for (const listener of listeners!) callSafely(listener, this.failure);
  }
}

/** One future for many: settles when all have, with the first error in their order. */
export function allSettled(futures: readonly WriteFuture[]): WriteFuture {
  const combined = new SettableFuture();
  let waiting = futures.length;
  if (waiting === 0) combined.succeed();
  for (const future of futures) {
    future.onSettled(() => {
      waiting -= 1;
      if (waiting > 0) return;
      const failed = futures.find((one) => !one.isSuccess);
      if (failed === undefined) combined.succeed();
      else combined.fail(failed.error!);
    });
  }
  return combined;
}
