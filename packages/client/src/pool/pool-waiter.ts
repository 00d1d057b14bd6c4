import { type Channel, type Clock, TimedOutError, type Timer } from '@headrace/core';
import { onAbort, toError } from '@headrace/core/authoring';
import { CLIENT_ERRORS } from '../client-errors.ts';
import type { Lease } from './lease.ts';

/** Receives the waiters whose time has ended, or whose signal has aborted. */
export interface WaiterEnd<C extends Channel> {
  timedOut(waiter: PoolWaiter<C>, error: TimedOutError): void;
  aborted(waiter: PoolWaiter<C>, error: Error): void;
}

/** A caller that waits for a connection. */
export class PoolWaiter<C extends Channel> {
  readonly promise: Promise<Lease<C>>;
  private readonly stopListening: (() => void) | undefined;
  private readonly timer: Timer | undefined;
  private resolve!: (lease: Lease<C>) => void;
  private reject!: (error: Error) => void;

  constructor(end: WaiterEnd<C>, clock: Clock, timeoutMs: number, signal: AbortSignal | undefined) {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    const text = `the pool had no connection within acquireTimeoutMs (${timeoutMs})`;
    const late = (): void =>
      end.timedOut(this, new TimedOutError(CLIENT_ERRORS.TIMEOUT_ACQUIRE, text, { timeoutMs }));
    this.timer = Number.isFinite(timeoutMs) ? clock.schedule(late, timeoutMs, true) : undefined;
    this.stopListening = signal && onAbort(signal, () => end.aborted(this, toError(signal.reason)));
  }

  serve(lease: Lease<C>): void {
    this.settle();
    this.resolve(lease);
  }

  fail(error: Error): void {
    this.settle();
    this.reject(error);
  }

  private settle(): void {
    this.timer?.cancel();
    this.stopListening?.();
  }
}
