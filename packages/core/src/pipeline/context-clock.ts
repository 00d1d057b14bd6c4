import type { Clock, Timer } from '../contract.ts';

/** What a {@link ContextClock} needs of its context. */
export interface TaskOwner {
  readonly channel: { readonly clock: Clock };
  /** Runs a task of the handler; its throw is the handler's. */
  runTask(task: () => void): void;
}

/**
 * The clock as a handler sees it: what it schedules runs as an event of its own, so that an error in it
 * reaches the handler's `exceptionCaught` instead of ending the process.
 */
export class ContextClock implements Clock {
  private readonly owner: TaskOwner;
  private readonly clock: Clock;

  constructor(owner: TaskOwner) {
    this.owner = owner;
    this.clock = owner.channel.clock;
  }

  now(): number {
    return this.clock.now();
  }

  schedule(task: () => void, delayMs: number, ref?: boolean): Timer {
    return this.clock.schedule(() => this.owner.runTask(task), delayMs, ref);
  }

  execute(task: () => void): void {
    this.clock.execute(() => this.owner.runTask(task));
  }
}
