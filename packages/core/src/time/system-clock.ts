import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../contract/clock.ts';
import { ClockDeadlines } from './clock-deadlines.ts';
import { TurnQueue } from './turn-queue.ts';

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

/** Node's longest timer. A longer timer would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

const time: Omit<Clock, 'deadlines'> = {
  now(): number {
    return performance.now();
  },

  timeOfDay(): number {
    return Date.now();
  },

  schedule(task: () => void, delayMs: number, ref = false): Timer {
    const handle = setTimeout(task, Math.min(delayMs, LONGEST_MS));
    if (!ref) handle.unref();
    return new SystemTimer(handle);
  },

  execute(task: () => void): void {
    process.nextTick(task);
  },

  nextTurn(task: () => void): void {
    setImmediate(task);
  },

  turns: new TurnQueue(setImmediate),
};

/** The machine's clock, with monotonic time, Node's timers, `process.nextTick` and `setImmediate`. */
export const systemClock: Clock = { ...time, deadlines: new ClockDeadlines(time) };
