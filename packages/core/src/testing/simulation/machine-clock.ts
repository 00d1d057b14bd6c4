import type { Clock, Timer } from '../../contract.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** How a host's clock goes wrong. */
export interface ClockFault {
  /** Added to the time of day. @default as before */
  readonly offsetMs?: number;
  /** 0.001 gains a second in a thousand, -0.001 loses one; also in `clock.now()` and in timers. @default as before */
  readonly drift?: number;
}

/** The time of day at which every simulation begins: 2030-01-01T00:00:00Z. */
const BEGINNING = 1_893_456_000_000;

/** The clock of a machine: it goes on when the machine is restarted. */
export class MachineClock {
  private readonly time: SimulatedTime;
  private rate = 1;
  private offsetMs = 0;
  private changedAt = 0;
  private countedMs = 0;

  constructor(time: SimulatedTime) {
    this.time = time;
  }

  /** Monotonic. */
  get now(): number {
    return this.countedMs + (this.time.now - this.changedAt) * this.rate;
  }

  get timeOfDay(): number {
    return BEGINNING + this.offsetMs + this.now;
  }

  set({ offsetMs = this.offsetMs, drift = this.rate - 1 }: ClockFault): void {
    this.countedMs = this.now;
    this.changedAt = this.time.now;
    this.rate = 1 + drift;
    this.offsetMs = offsetMs;
  }

  /** When this clock will have counted so much more. */
  in(ms: number): number {
    return this.time.now + ms / this.rate;
  }
}

/** What runs the tasks of one process. */
export interface ProcessTasks {
  /** Runs a task as an event of its own. */
  run(task: () => void): void;
  /** Runs a task when the current event is over. */
  execute(task: () => void): void;
}

/** The `Clock` of one process: its timers end with the process. */
export class ProcessClock implements Clock {
  private readonly machine: MachineClock;
  private readonly time: SimulatedTime;
  private readonly tasks: ProcessTasks;

  constructor(machine: MachineClock, time: SimulatedTime, tasks: ProcessTasks) {
    this.machine = machine;
    this.time = time;
    this.tasks = tasks;
  }

  now(): number {
    return this.machine.now;
  }

  schedule(task: () => void, delayMs: number): Timer {
    const { machine, time, tasks } = this;
    if (delayMs === Number.POSITIVE_INFINITY) return NEVER;
    const due = machine.now + Math.max(0, delayMs);
    const timer = { isCancelled: false, event: undefined as Timer | undefined };
    const run = () => {
      if (!timer.isCancelled) task();
    };
    const fire = () => {
      // Slower than when it was set.
      if (machine.now < due - TOLERANCE_MS)
        timer.event = time.at(machine.in(due - machine.now), fire);
      else tasks.run(run);
    };
    timer.event = time.at(machine.in(Math.max(0, delayMs)), fire);
    return {
      cancel: () => {
        timer.isCancelled = true;
        timer.event?.cancel();
      },
    };
  }

  execute(task: () => void): void {
    this.tasks.execute(task);
  }
}

/** Of sums of floating-point numbers. */
const TOLERANCE_MS = 0.001;
const NEVER: Timer = { cancel: () => {} };
