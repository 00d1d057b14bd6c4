import type { Clock, Timer } from '../contract.ts';

class VirtualTimer implements Timer {
  readonly due: number;
  readonly order: number;
  task: (() => void) | undefined;

  constructor(due: number, order: number, task: () => void) {
    this.due = due;
    this.order = order;
    this.task = task;
  }

  cancel(): void {
    this.task = undefined;
  }
}

/**
 * Time that only moves when told to: timers run in order of their due time, those of the same millisecond
 * in the order they were scheduled. Several channels may share one clock.
 */
export class VirtualClock implements Clock {
  private time = 0;
  private order = 0;
  /** A binary heap by due time, then order; cancelled timers stay until they come up. */
  private readonly timers: VirtualTimer[] = [];
  private readonly tasks: (() => void)[] = [];
  /** How many events are under way, one within the other. */
  private depth = 0;

  now(): number {
    return this.time;
  }

  schedule(task: () => void, delayMs: number): Timer {
    this.order += 1;
    const timer = new VirtualTimer(this.time + Math.max(0, delayMs), this.order, task);
    this.timers.push(timer);
    this.siftUp(this.timers.length - 1);
    return timer;
  }

  execute(task: () => void): void {
    this.tasks.push(task);
  }

  /** Runs an action as one event: the tasks that it adds run when the outermost event is through. */
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

  /** Moves time forward and runs what falls due on the way. */
  advance(ms: number): void {
    if (this.depth > 0) throw new Error('time cannot move within an event; see advanceQuietly');
    const end = this.time + ms;
    this.runTasks();
    for (let timer = this.next(); timer !== undefined && timer.due <= end; timer = this.next()) {
      this.pop();
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
    for (const timer of this.timers.splice(0)) timer.cancel();
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    let count = 0;
    for (const timer of this.timers) if (timer.task !== undefined) count += 1;
    return count;
  }

  get hasPendingTasks(): boolean {
    return this.tasks.length > 0;
  }

  /** Milliseconds until the next timer, -1 if there is none. */
  get nextDelay(): number {
    const timer = this.next();
    return timer === undefined ? -1 : timer.due - this.time;
  }

  private next(): VirtualTimer | undefined {
    while (this.timers.length > 0 && this.timers[0]!.task === undefined) this.pop();
    return this.timers[0];
  }

  private pop(): void {
    const last = this.timers.pop()!;
    if (this.timers.length === 0) return;
    this.timers[0] = last;
    this.siftDown(0);
  }

  private siftUp(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.isBefore(index, parent)) return;
      this.swap(index, parent);
      index = parent;
    }
  }

  private siftDown(start: number): void {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.timers.length) return;
      const right = left + 1;
      const child = right < this.timers.length && this.isBefore(right, left) ? right : left;
      if (!this.isBefore(child, index)) return;
      this.swap(index, child);
      index = child;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const one = this.timers[a]!;
    const other = this.timers[b]!;
    return one.due === other.due ? one.order < other.order : one.due < other.due;
  }

  private swap(a: number, b: number): void {
    const timer = this.timers[a]!;
    this.timers[a] = this.timers[b]!;
    this.timers[b] = timer;
  }
}
