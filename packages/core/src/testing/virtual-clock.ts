import type { Clock, Timer, Turns } from '../contract.ts';
import { ClockDeadlines } from '../time/clock-deadlines.ts';
import { TurnQueue } from '../time/turn-queue.ts';
import { EventQueue } from './event-queue.ts';

/** The time of day at which virtual time begins: 2030-01-01T00:00:00Z. */
const BEGINNING_OF_TIME = 1_893_456_000_000;

/**
 * Time that only moves by a call: timers run in order of their due time, those of the same millisecond
 * in the order they were scheduled. Several channels may share one clock.
 */
export class VirtualClock implements Clock {
  private time = 0;
  private readonly timers = new EventQueue();
  private readonly tasks: (() => void)[] = [];
  /** Tasks of the next turn. */
  private readonly later: (() => void)[] = [];
  readonly turns: Turns = new TurnQueue((task) => this.nextTurn(task));
  readonly deadlines: ClockDeadlines = new ClockDeadlines(this);
  /** How many events are under way, one within the other. */
  private depth = 0;

  now(): number {
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

  /** Runs an action as one event: the tasks and turns that it asks for come when the outermost event is over. */
  run<T>(action: () => T): T {
    this.depth += 1;
    try {
      return action();
    } finally {
      this.depth -= 1;
      this.runTasks();
    }
  }

  /** Runs all tasks that wait, then turn after turn, until nothing is left; does nothing within an event. */
  runTasks(): void {
    if (this.depth > 0) return;
    this.depth += 1;
    try {
      for (let task = this.takeTask(); task !== undefined; task = this.takeTask()) task();
    } finally {
      this.depth -= 1;
    }
  }

  private takeTask(): (() => void) | undefined {
    return this.tasks.shift() ?? this.later.shift();
  }

  /** Moves time forward and runs what becomes due. */
  advance(ms: number): void {
    if (this.depth > 0) throw new Error('time cannot move within an event; see advanceQuietly');
    const end = this.time + ms;
    this.runTasks();
    for (;;) {
      const timer = this.timers.first();
      if (timer === undefined || timer.atMs > end) break;
      this.timers.dropFirst();
      this.time = Math.max(this.time, timer.atMs);
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

  /** Forgets all timers and deadlines without running them. */
  cancelTimers(): void {
    this.deadlines.clear();
    this.timers.clear();
  }

  /** How many timers wait; all deadlines together have one. */
  get pendingTimers(): number {
    return this.timers.size;
  }

  /** True if tasks wait for this turn or the next one. */
  get hasPendingTasks(): boolean {
    return this.tasks.length > 0 || this.later.length > 0;
  }

  /** Milliseconds until the next timer, -1 if there is none. */
  get nextDelay(): number {
    const timer = this.timers.first();
    return timer === undefined ? -1 : timer.atMs - this.time;
  }
}
