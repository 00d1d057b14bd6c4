import type { Timer } from '@headrace/core';
import { EventQueue, type TimedEvent } from '@headrace/core/testing';
import { runCode } from '../host/running-code.ts';
import type { SimulatedTime } from '../simulated-time.ts';
import { SimulationError } from '../simulation-error.ts';

/** After so many events of one instant the run fails, since its time no longer advances. */
const LONGEST_INSTANT = 1_000_000;

// The real one: inside a run it is forbidden to programs.
const nextTurn = setImmediate;

/** The event loop of a simulation: runs its events one after the other. */
export class SimulationLoop implements SimulatedTime {
  private readonly owner: object;
  private readonly throwIfFailed: () => void;
  private readonly queue = new EventQueue();
  now = 0;
  private hasRunCode = false;
  private isFree = false;
  private isGoingOn = false;

  /**
   * @param owner - whose code runs in events
   * @param throwIfFailed - called after each event
   */
  constructor(owner: object, throwIfFailed: () => void) {
    this.owner = owner;
    this.throwIfFailed = throwIfFailed;
  }

  plan(atMs: number, task: () => void): Timer {
    if (Number.isNaN(atMs)) throw new SimulationError('something was to happen at NaN ms');
    if (this.isFree) this.goOnFreely();
    return this.queue.add(Math.max(atMs, this.now), task);
  }

  /** The event that happens now runs code of a program or of the scenario: its promises go on before the next one. */
  noteCode(): void {
    this.hasRunCode = true;
  }

  /** Lets everything happen until a time, which is the time then. */
  async runUntil(untilMs: number): Promise<void> {
    const { queue } = this;
    let sameInstant = 0;
    for (let event = queue.first(); event !== undefined && event.atMs <= untilMs; ) {
      sameInstant = event.atMs > this.now ? 0 : sameInstant + 1;
      if (sameInstant > LONGEST_INSTANT) throw this.standsStill();
      runCode({ owner: this.owner, process: undefined }, this.take(event));
      if (this.hasRunCode) {
        this.hasRunCode = false;
        // Promises, and what they lead to, go on until nothing is left to run.
        await new Promise<void>((resolve) => nextTurn(resolve));
      }
      this.throwIfFailed();
      event = queue.first();
    }
    this.now = untilMs;
  }

  /** Everything happens by itself from now on. */
  runFreely(): void {
    this.isFree = true;
    this.goOnFreely();
  }

  private goOnFreely(): void {
    if (this.isGoingOn) return;
    this.isGoingOn = true;
    nextTurn(() => {
      this.isGoingOn = false;
      const event = this.queue.first();
      if (event === undefined) return;
      this.take(event)();
      this.throwIfFailed();
      this.goOnFreely();
    });
  }

  /** The task of the first event, whose time is the time now. */
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
