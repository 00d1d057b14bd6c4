import { toError } from '../errors.ts';

/**
 * The functions that wait for one signal. They share one listener, because Node warns of a leak at a signal with more than ten
 * listeners, and an application can use one signal for thousands of calls.
 */
class AbortListeners {
  private readonly signal: AbortSignal;
  private readonly listeners = new Set<() => void>();

  constructor(signal: AbortSignal) {
    this.signal = signal;
    ofSignal.set(signal, this);
    signal.addEventListener('abort', this, { once: true });
  }

  add(listener: () => void): () => void {
    // The same function can be added twice.
    const own = (): void => listener();
    this.listeners.add(own);
    return () => this.remove(own);
  }

  /** Called when the signal aborts. If a listener throws, the others are still called, and the runtime reports all errors. */
  handleEvent(): void {
    ofSignal.delete(this.signal);
    const errors: unknown[] = [];
    for (const listener of this.listeners) {
      this.listeners.delete(listener);
      try {
        listener();
      } catch (thrown) {
        errors.push(thrown);
      }
    }
    if (errors.length > 1) throw new AggregateError(errors, textOf(errors));
    if (errors.length > 0) throw errors[0];
  }

  private remove(listener: () => void): void {
    if (!this.listeners.delete(listener) || this.listeners.size > 0) return;
    if (ofSignal.get(this.signal) !== this) return;
    ofSignal.delete(this.signal);
    this.signal.removeEventListener('abort', this);
  }
}

function textOf(errors: readonly unknown[]): string {
  const texts = errors.map((thrown) => toError(thrown).message);
  return `${errors.length} listeners of an abort failed: ${texts.join('; ')}`;
}

const ofSignal = new WeakMap<AbortSignal, AbortListeners>();

/**
 * Calls a listener once when a signal aborts. Never calls it for a signal that has already aborted.
 *
 * @returns function that removes the listener, to call after the work, because a signal can live as long as the process
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  return (ofSignal.get(signal) ?? new AbortListeners(signal)).add(listener);
}
