import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../contract.ts';

class SystemTimer implements Timer {
  private handle: NodeJS.Timeout | undefined;

  constructor(handle: NodeJS.Timeout) {
    this.handle = handle;
  }

  cancel(): void {
    if (this.handle === undefined) return;
    clearTimeout(this.handle);
    this.handle = undefined;
  }
}

/** Node's longest timer; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Runs a task in the next turn of the event loop, when sockets and timers have had theirs; by a clock of a test,
 * after the current event.
 */
export function nextTurn(clock: Clock, task: () => void): void {
  if (clock === systemClock) setImmediate(task);
  else clock.execute(task);
}

/** The machine's clock: monotonic time, Node's timers, `process.nextTick`. */
export const systemClock: Clock = {
  now(): number {
    return performance.now();
  },

  schedule(task: () => void, delayMs: number, ref = false): Timer {
    const handle = setTimeout(task, Math.min(delayMs, LONGEST_MS));
    if (!ref) handle.unref();
    return new SystemTimer(handle);
  },

  execute(task: () => void): void {
    process.nextTick(task);
  },
};
