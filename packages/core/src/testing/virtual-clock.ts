import type { Clock, Timer } from '../contract.ts';
import { VirtualTimer, VirtualTimers } from './virtual-timers.ts';

/**
 * Time that only moves by a call: timers run in order of their due time, those of the same millisecond
 * in the order they were scheduled. Several channels may share one clock.
 */
export class VirtualClock implements Clock {
  private time = 0;
  private order = 0;
  private readonly timers = new VirtualTimers();
  private readonly tasks: (() => void)[] = [];
  /** How many events are under way, one within the other. */
  private depth = 0;

  now(): number {
    return this.time;
  }

  schedule(task: () => void, delayMs: number): Timer {
    this.order += 1;
    const delay = Math.max(0, delayMs);
    const timer = new VirtualTimer(this.time + delay, this.order, task);
    this.timers.add(timer, delay);
    return timer;
  }

  execute(task: () => void): void {
    this.tasks.push(task);
  }

  /** Runs an action as one event: the tasks that it adds run when the outermost event is over. */
  run<T>(action: () => T): T {
    this.depth += 1;
    try {
      return action();
    } finally {
      this.depth -= 1;
      this.runTasks();
    }
  }

  /** Runs all tasks that wait, and those that they add; does nothing within an event. */
  runTasks(): void {
    if (this.depth > 0) return;
    this.depth += 1;
    try {
      while (this.tasks.length > 0) this.tasks.shift()!();
    } finally {
      this.depth -= 1;
    }
  }

  /** Moves time forward and runs what becomes due. */
  advance(ms: number): void {
    if (this.depth > 0) throw new Error('time cannot move within an event; see advanceQuietly');
    const end = this.time + ms;
    this.runTasks();
    for (;;) {
      const timer = this.timers.first();
      if (timer === undefined || timer.due > end) break;
      this.timers.dropFirst();
      this.time = Math.max(this.time, timer.due);
      const { task } = timer;
      timer.task = undefined;
      this.execute(task!);
      this.runTasks();
    }
    this.time = Math.max(this.time, end);
  }

  /** Time passes within an event, as it does on a busy machine: nothing runs yet. */
  advanceQuietly(ms: number): void {
    this.time += ms;
  }

  /** Forgets all timers; what they would have done is not done. */
  cancelTimers(): void {
    for (const timer of this.timers) timer.cancel();
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    return [...this.timers].length;
  }

  get hasPendingTasks(): boolean {
    return this.tasks.length > 0;
  }

  /** Milliseconds until the next timer, -1 if there is none. */
  get nextDelay(): number {
    const timer = this.timers.first();
    return timer === undefined ? -1 : timer.due - this.time;
  }
}
