import type { Clock, Timer } from '../../contract.ts';
import type { EndOwner } from '../../transport/memory-transport.ts';
import type { TransportSink } from '../../transport/transport.ts';
import { type MachineClock, ProcessClock, type ProcessTasks } from './machine-clock.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** What a process needs of the simulation. */
export interface ProcessWorld extends SimulatedTime {
  /** Runs code of a process, and notes what it throws. */
  enter(process: SimulatedProcess, task: () => void): void;
  /**
   * A connection of a process was opened by this sink, which is a channel or something on top of one. Returns what is
   * to be called after each of its turns.
   */
  opened(process: SimulatedProcess, sink: TransportSink): (() => void) | undefined;
}

/** One life of a program on a host, from its start to its end: what it has set in motion ends with it. */
export class SimulatedProcess implements EndOwner, ProcessTasks {
  readonly hostName: string;
  readonly clock: Clock;
  readonly random: SeededRandom;
  isAlive = true;
  private readonly world: ProcessWorld;
  private isFrozen = false;
  /** What became due while it was frozen. */
  private due: (() => void)[] = [];
  private readonly tasks: (() => void)[] = [];
  private isRunning = false;
  private wakeUp: Timer | undefined = undefined;

  constructor(hostName: string, world: ProcessWorld, machine: MachineClock, random: SeededRandom) {
    this.hostName = hostName;
    this.world = world;
    this.random = random;
    this.clock = new ProcessClock(machine, this);
  }

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

  nextTurn(task: () => void): void {
    this.world.plan(this.world.now, () => this.run(task));
  }

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
