import type { Clock, Timer } from '../contract/clock.ts';
import { ClockDeadlines } from '../time/clock-deadlines.ts';
import { runTimer } from '../time/late-timer.ts';
import { TurnQueue } from '../time/turn-queue.ts';
import { setImmediate } from './node-globals.ts';

/** Maximum delay of a timer. A longer timer would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

const time: Omit<Clock, 'deadlines'> = {
  now(): number {
    return performance.now();
  },

  timeOfDay(): number {
    return Date.now();
  },

  schedule(task: () => void, delayMs: number): Timer {
    const dueAt = performance.now() + delayMs;
    let isCancelled = false;
    const due = (): void => {
      const now = performance.now();
      runTimer(time, now, now - dueAt, () => {
        if (!isCancelled) task();
      });
    };
    const handle = setTimeout(due, Math.min(delayMs, LONGEST_MS));
    return {
      cancel: () => {
        isCancelled = true;
        clearTimeout(handle);
      },
    };
  },

  execute(task: () => void): void {
    queueMicrotask(task);
  },

  nextTurn(task: () => void): void {
    setImmediate(task);
  },

  turns: new TurnQueue(setImmediate),
};

/** The clock of a page: monotonic time, timers, microtasks, and messages as turns of the event loop. */
export const systemClock: Clock = { ...time, deadlines: new ClockDeadlines(time) };
