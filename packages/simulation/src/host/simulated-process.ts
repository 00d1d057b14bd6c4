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
import { runTimer } from '@headrace/core/authoring';
import { SeededRandom } from '@headrace/core/testing';
import type { SimulatedTime } from '../simulated-time.ts';
import { type MachineClock, NEVER } from './machine-clock.ts';

/** Maximum time by which the looks at the clock move the clock ahead of its machine, in milliseconds. */
const MAX_AHEAD_MS = 1;
/** Share of the looks that move the clock by less than {@link SMALL_STEP_MS}. The others move it by up to the maximum. */
const SMALL_STEPS = 0.9;
const SMALL_STEP_MS = 0.01;

/** The part of the simulation that a process uses. */
export interface ProcessWorld extends SimulatedTime {
  readonly seed: number;
  /** Runs code of a process, and records the errors that it throws. */
  enter(process: SimulatedProcess, task: () => void): void;
  /** Returns the next channel number. All processes share the numbers. */
  channelNumber(): number;
  /**
   * Called when this sink has opened a connection of a process. The sink is a channel, or an object on top of a channel.
   * Returns a function to call after each turn of the connection.
   */
  opened(process: SimulatedProcess, sink: TransportSink): (() => void) | undefined;
}

/**
 * One run of a program on a host, from its start to its end, and the program's clock. At the end of the process, its timers
 * and connections end too.
 */
export class SimulatedProcess implements EndOwner, Clock {
  readonly hostName: string;
  readonly turns: Turns = new TurnQueue((task) => this.nextTurn(task));
  readonly deadlines: Deadlines = new ClockDeadlines(this);
  readonly random: SeededRandom;
  isAlive = true;
  private readonly world: ProcessWorld;
  private readonly machine: MachineClock;
  private readonly steps: SeededRandom;
  /** The time that the program has seen last. */
  private seen = 0;
  private isFrozen = false;
  /** Timers that became due while the process was frozen. */
  private readonly dueTimers: (() => void)[] = [];
  /** What else became due while the process was frozen, such as input. */
  private readonly due: (() => void)[] = [];
  private readonly tasks: (() => void)[] = [];
  private isRunning = false;
  private wakeUp: Timer | undefined = undefined;

  constructor(hostName: string, world: ProcessWorld, machine: MachineClock, random: SeededRandom) {
    this.hostName = hostName;
    this.world = world;
    this.random = random;
    this.machine = machine;
    this.steps = new SeededRandom(world.seed, `looks at the clock ${hostName}`);
  }

  /** Moves the clock a little at each look, as time passes on a real machine while a program runs. */
  now(): number {
    const { now } = this.machine;
    const part = this.steps.next();
    const step = part < SMALL_STEPS ? part * SMALL_STEP_MS : part - SMALL_STEPS;
    this.seen = Math.max(now, Math.min(this.seen + step, now + MAX_AHEAD_MS));
    return this.seen;
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
    // The task can become due while the process is frozen, and be canceled before it runs.
    const run = () => {
      if (!isCancelled) task();
    };
    // The delay begins at the time that the program has seen.
    const dueAt = Math.max(this.seen, this.machine.now) + Math.max(0, delayMs);
    const due = () => {
      const { now } = this.machine;
      runTimer(this, now, now - dueAt, run);
    };
    const alarm = this.machine.schedule(
      () => this.run(due, this.dueTimers),
      dueAt - this.machine.now,
    );
    return {
      cancel: () => {
        isCancelled = true;
        alarm.cancel();
      },
    };
  }

  /** Runs a task as an event of its own, or keeps it until the process is not frozen any more. */
  run(task: () => void, due = this.due): void {
    if (!this.isAlive) return;
    if (this.isFrozen) {
      due.push(task);
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

  execute(task: () => void): void {
    if (!this.isAlive) return;
    this.tasks.push(task);
    if (this.isRunning || this.wakeUp !== undefined) return;
    // Called after an await, when no event is running.
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
    // As an event loop does, timers run before sockets are read.
    for (const task of this.dueTimers.splice(0)) this.nextTurn(task);
    for (const task of this.due.splice(0)) this.nextTurn(task);
  }

  /** Ends the process. None of its tasks runs after that. */
  end(): void {
    this.isAlive = false;
    this.dueTimers.length = 0;
    this.due.length = 0;
    this.tasks.length = 0;
  }

  opened(sink: TransportSink): (() => void) | undefined {
    return this.world.opened(this, sink);
  }

  private runTasks(): void {
    // If a task throws, the other tasks run in the next event.
    while (this.tasks.length > 0 && this.isAlive) this.tasks.shift()!();
  }
}
