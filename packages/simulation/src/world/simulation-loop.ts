import type { Timer } from '@headrace/core';
import { EventQueue, type TimedEvent } from '@headrace/core/testing';
import { runCode } from '../host/running-code.ts';
import type { SimulatedTime } from '../simulated-time.ts';
import { SimulationError } from '../simulation-error.ts';

/** Maximum number of events at one instant. After that the run fails, because its time no longer advances. */
const LONGEST_INSTANT = 1_000_000;

// The real function, because programs cannot use it during a run.
const nextTurn = setImmediate;

/** The event loop of a simulation, which runs events one after another. */
export class SimulationLoop implements SimulatedTime {
  private readonly owner: object;
  private readonly throwIfFailed: () => void;
  private readonly queue = new EventQueue();
  now = 0;
  private hasRunCode = false;
  private isFree = false;
  private isGoingOn = false;

  /**
   * @param owner - owner of the code that runs in events
   * @param throwIfFailed - called after each event
   */
  constructor(owner: object, throwIfFailed: () => void) {
    this.owner = owner;
    this.throwIfFailed = throwIfFailed;
  }

  plan(atMs: number, task: () => void): Timer {
    if (Number.isNaN(atMs)) throw new SimulationError('an event was scheduled at NaN ms');
    if (this.isFree) this.resumeFreely();
    return this.queue.add(Math.max(atMs, this.now), task);
  }

  /**
   * Notes that the current event runs code of a program or of the scenario. The promises of this code continue before the
   * next event.
   */
  noteCode(): void {
    this.hasRunCode = true;
  }

  /** Runs all events up to a virtual time, and then sets the time to that value. */
  async runUntil(untilMs: number): Promise<void> {
    const { queue } = this;
    let sameInstant = 0;
    for (let event = queue.first(); event !== undefined && event.atMs <= untilMs; ) {
      sameInstant = event.atMs > this.now ? 0 : sameInstant + 1;
      if (sameInstant > LONGEST_INSTANT) throw this.standsStill();
      runCode({ owner: this.owner, process: undefined }, this.take(event));
      if (this.hasRunCode) {
        this.hasRunCode = false;
        // Promises, and the work that they start, continue until nothing is left to run.
        await new Promise<void>((resolve) => nextTurn(resolve));
      }
      this.throwIfFailed();
      event = queue.first();
    }
    this.now = untilMs;
  }

  /** Runs all events without further calls from now on. */
  runFreely(): void {
    this.isFree = true;
    this.resumeFreely();
  }

  private resumeFreely(): void {
    if (this.isGoingOn) return;
    this.isGoingOn = true;
    nextTurn(() => {
      this.isGoingOn = false;
      const event = this.queue.first();
      if (event === undefined) return;
      this.take(event)();
      this.throwIfFailed();
      this.resumeFreely();
    });
  }

  /** Removes the first event, moves the time to that event, and returns its task. */
  private take(event: TimedEvent): () => void {
    this.queue.dropFirst();
    this.now = Math.max(this.now, event.atMs);
    const task = event.task!;
    event.task = undefined;
    return task;
  }

  private standsStill(): SimulationError {
    return new SimulationError(
      `the time stands still at ${this.now} ms: ${LONGEST_INSTANT} events happened there`,
    );
  }
}
