import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from '../contract/clock.ts';
import { ClockDeadlines } from './clock-deadlines.ts';
import { runTimer } from './late-timer.ts';
import { TurnQueue } from './turn-queue.ts';

class SystemTimer implements Timer {
  private handle: NodeJS.Timeout | undefined;
  private task: (() => void) | undefined;
  private readonly dueAt: number;

  constructor(task: () => void, delayMs: number, ref: boolean) {
    this.task = task;
    this.dueAt = performance.now() + delayMs;
    this.handle = setTimeout(this.due, Math.min(delayMs, LONGEST_MS));
    if (!ref) this.handle.unref();
  }

  cancel(): void {
    this.task = undefined;
    if (this.handle === undefined) return;
    clearTimeout(this.handle);
    this.handle = undefined;
  }

  private readonly due = (): void => {
    this.handle = undefined;
    const now = performance.now();
    runTimer(time, now, now - this.dueAt, () => this.task?.());
  };
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
    return new SystemTimer(task, delayMs, ref);
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
