import {
  type Clock,
  ClockDeadlines,
  type Deadlines,
  type EndOwner,
  type Timer,
  type TransportSink,
  TurnQueue,
  type Turns,
} from '@headrace/core';
import type { SeededRandom } from '@headrace/core/testing';
import type { SimulatedTime } from '../simulated-time.ts';
import { type MachineClock, NEVER } from './machine-clock.ts';

/** The part of the simulation that a process uses. */
export interface ProcessWorld extends SimulatedTime {
  /** Runs code of a process, and notes what it throws. */
  enter(process: SimulatedProcess, task: () => void): void;
  /** Numbers the channels of all processes. */
  channelNumber(): number;
  /**
   * A connection of a process was opened by this sink, which is a channel or something on top of one. Returns what is
   * to be called after each of its turns.
   */
  opened(process: SimulatedProcess, sink: TransportSink): (() => void) | undefined;
}

/**
 * One life of a program on a host, from its start to its end, and the program's clock. Timers and
 * connections of the program end with it.
 */
export class SimulatedProcess implements EndOwner, Clock {
  readonly hostName: string;
  readonly turns: Turns = new TurnQueue((task) => this.nextTurn(task));
  readonly deadlines: Deadlines = new ClockDeadlines(this);
  readonly random: SeededRandom;
  isAlive = true;
  private readonly world: ProcessWorld;
  private readonly machine: MachineClock;
  private isFrozen = false;
  /** Tasks that became due while it was frozen. */
  private due: (() => void)[] = [];
  private readonly tasks: (() => void)[] = [];
  private isRunning = false;
  private wakeUp: Timer | undefined = undefined;

  constructor(hostName: string, world: ProcessWorld, machine: MachineClock, random: SeededRandom) {
    this.hostName = hostName;
    this.world = world;
    this.random = random;
    this.machine = machine;
  }

  now(): number {
    return this.machine.now;
  }

  timeOfDay(): number {
    return this.machine.timeOfDay;
  }

  channelNumber(): number {
    return this.world.channelNumber();
  }

  schedule(task: () => void, delayMs: number): Timer {
    if (delayMs === Number.POSITIVE_INFINITY) return NEVER;
    let isCancelled = false;
    // It may become due while the process stands still, and be cancelled before it runs.
    const run = () => {
      if (!isCancelled) task();
    };
    const alarm = this.machine.schedule(() => this.run(run), Math.max(0, delayMs));
    return {
      cancel: () => {
        isCancelled = true;
        alarm.cancel();
      },
    };
  }

  /** Runs a task as an event of its own. */
  run(task: () => void): void {
    if (!this.isAlive) return;
    if (this.isFrozen) {
      this.due.push(task);
      return;
    }
    this.world.enter(this, () => {
      this.isRunning = true;
      try {
        task();
        this.runTasks();
      } finally {
        this.isRunning = false;
      }
    });
  }

  /** Runs a task as an event of its own, after those that are due. */
  nextTurn(task: () => void): void {
    this.world.plan(this.world.now, () => this.run(task));
  }

  /** Runs a task when the current event is over. */
  execute(task: () => void): void {
    if (!this.isAlive) return;
    this.tasks.push(task);
    if (this.isRunning || this.wakeUp !== undefined) return;
    // Called after an await: there is no event whose end could be waited for.
    this.wakeUp = this.world.plan(this.world.now, () => {
      this.wakeUp = undefined;
      this.run(() => {});
    });
  }

  freeze(): void {
    this.isFrozen = true;
  }

  thaw(): void {
    this.isFrozen = false;
    for (const task of this.due.splice(0)) this.nextTurn(task);
  }

  /** Nothing of it runs any more. */
  end(): void {
    this.isAlive = false;
    this.due = [];
    this.tasks.length = 0;
  }

  opened(sink: TransportSink): (() => void) | undefined {
    return this.world.opened(this, sink);
  }

  private runTasks(): void {
    // A task that throws leaves the others to the next event.
    while (this.tasks.length > 0 && this.isAlive) this.tasks.shift()!();
  }
}
