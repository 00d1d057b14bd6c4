import type { Clock, Timer, Turns } from '../contract/clock.ts';
import { number } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { ClockDeadlines } from '../time/clock-deadlines.ts';
import { runTimer } from '../time/late-timer.ts';
import { TurnQueue } from '../time/turn-queue.ts';
import { EventQueue } from './event-queue.ts';

/** Time of day at which virtual time starts: 2030-01-01T00:00:00Z. */
const BEGINNING_OF_TIME = 1_893_456_000_000;

/** Options of a {@link VirtualClock}. */
export interface VirtualClockOptions {
  /**
   * Time that passes at each call of `now()`, in milliseconds. On a real machine, time also passes between two calls in the same
   * event, and a token or a deadline can come due in between.
   * @default 0
   */
  readonly stepMs?: number;
}

const OPTIONS = describeOptions('VirtualClock', { stepMs: number({ default: 0 }) });

/**
 * A clock whose time moves only by a call. Timers run in the order of their due time, and in the order of scheduling within
 * the same millisecond. Several channels can share a clock.
 */
export class VirtualClock implements Clock {
  private time = 0;
  private readonly timers = new EventQueue();
  private readonly tasks: (() => void)[] = [];
  /** Tasks for the next turn. */
  private readonly later: (() => void)[] = [];
  readonly turns: Turns = new TurnQueue((task) => this.nextTurn(task));
  readonly deadlines: ClockDeadlines = new ClockDeadlines(this);
  /** Number of nested events that are running. */
  private depth = 0;
  private readonly stepMs: number;

  constructor(options: VirtualClockOptions = {}) {
    this.stepMs = OPTIONS.resolve(options).stepMs;
  }

  now(): number {
    // An object that inherits from the clock, with a time of day of its own, gets no field of its own here.
    if (this.stepMs > 0) this.time += this.stepMs;
    return this.time;
  }

  timeOfDay(): number {
    return BEGINNING_OF_TIME + this.time;
  }

  schedule(task: () => void, delayMs: number): Timer {
    return this.timers.add(this.time + Math.max(0, delayMs), task);
  }

  execute(task: () => void): void {
    this.tasks.push(task);
  }

  nextTurn(task: () => void): void {
    this.later.push(task);
  }

  /** Runs an action as one event. The tasks and turns that the action asks for run after the outermost event. */
  run<T>(action: () => T): T {
    this.depth += 1;
    try {
      return action();
    } finally {
      this.depth -= 1;
      this.runTasks();
    }
  }

  /**
   * Runs all waiting tasks, then turn after turn, until none is left. Does nothing during an event.
   *
   * @param timersFirst - whether no turn begins while a timer is due, as in an event loop
   */
  runTasks(timersFirst = false): void {
    if (this.depth > 0) return;
    this.depth += 1;
    try {
      for (let task = this.takeTask(timersFirst); task !== undefined; ) {
        task();
        task = this.takeTask(timersFirst);
      }
    } finally {
      this.depth -= 1;
    }
  }

  private takeTask(timersFirst: boolean): (() => void) | undefined {
    const task = this.tasks.shift();
    if (task !== undefined) return task;
    const timer = timersFirst ? this.timers.first() : undefined;
    return timer === undefined || timer.atMs > this.time ? this.later.shift() : undefined;
  }

  /** Moves time forward and runs the timers that become due. */
  advance(ms: number): void {
    if (this.depth > 0) throw new Error('time cannot move within an event; see advanceQuietly');
    const end = this.time + ms;
    this.runTasks();
    for (;;) {
      const timer = this.timers.first();
      if (timer === undefined || timer.atMs > end) break;
      this.timers.dropFirst();
      const lateMs = this.time - timer.atMs;
      this.time = Math.max(this.time, timer.atMs);
      const run = (): void => {
        const { task } = timer;
        timer.task = undefined;
        task?.();
      };
      this.execute(() => runTimer(this, this.time, lateMs, run));
      this.runTasks(true);
    }
    this.time = Math.max(this.time, end);
  }

  /**
   * Moves time during an event without running timers, as if the machine were busy. The next `advance` runs the timers that are
   * late. As on a machine, these wait for input that has arrived meanwhile: what is scheduled after 0 ms now.
   */
  advanceQuietly(ms: number): void {
    this.time += ms;
  }

  /** Removes all timers and deadlines without running them. */
  cancelTimers(): void {
    this.deadlines.clear();
    this.timers.clear();
  }

  /** Number of waiting timers. All deadlines together use one timer. */
  get pendingTimers(): number {
    return this.timers.size;
  }

  /** Whether tasks wait for this turn or the next turn. */
  get hasPendingTasks(): boolean {
    return this.tasks.length > 0 || this.later.length > 0;
  }

  /** Milliseconds until the next timer, or -1 if no timer waits. */
  get nextDelay(): number {
    const timer = this.timers.first();
    return timer === undefined ? -1 : timer.atMs - this.time;
  }
}
