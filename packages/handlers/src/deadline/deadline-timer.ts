import { AsyncResource } from 'node:async_hooks';
import type { Clock, Timer } from '@headrace/core';
import { type DeadlineEntry, DeadlineHeap } from './deadline-heap.ts';

/** The one timer serves many connections: it must not keep, or show to others, the context of one of them. */
const NO_CONTEXT = /* @__PURE__ */ new AsyncResource('DeadlineTimer');

/** What becomes of a timer for which nothing is left. */
export interface DeadlineTimerOptions {
  /** The process is kept alive while there is an entry. @default false */
  readonly keepsProcess?: boolean;
  /** The timer ends with the last entry; that costs a timer whenever the first one comes. @default keepsProcess */
  readonly endsWithLast?: boolean;
}

/**
 * Many deadlines with one timer. It is set for the earliest of them and stays set when that one is taken out, because
 * most calls are answered long before: so a call sets no timer, and an idle connection has at most one, once.
 * Each that is due is called in an event of its own, as by a timer of its own.
 */
export class DeadlineTimer<E extends DeadlineEntry> {
  private readonly clock: Clock;
  private readonly heap = new DeadlineHeap<E>();
  private readonly due: (entry: E) => void;
  private readonly keepsProcess: boolean;
  private readonly endsWithLast: boolean;
  private timer: Timer | undefined = undefined;
  private timerAt = Number.POSITIVE_INFINITY;

  /**
   * @param due - called for each entry whose time has come, which is then taken out
   */
  constructor(clock: Clock, due: (entry: E) => void, options: DeadlineTimerOptions = {}) {
    this.clock = clock;
    this.due = due;
    const { keepsProcess = false, endsWithLast = keepsProcess } = options;
    this.keepsProcess = keepsProcess;
    this.endsWithLast = endsWithLast;
  }

  /** How many deadlines there are. */
  get size(): number {
    return this.heap.size;
  }

  /** An entry without an end, `Infinity`, needs no place. */
  add(entry: E): void {
    if (entry.deadline === Number.POSITIVE_INFINITY) return;
    this.heap.add(entry);
    if (entry.deadline < this.timerAt) this.arm(entry.deadline);
  }

  remove(entry: E): void {
    this.heap.remove(entry);
    if (this.endsWithLast && this.heap.size === 0) this.disarm();
  }

  /** Forgets all, and the timer. */
  clear(): void {
    this.heap.clear();
    this.disarm();
  }

  private arm(at: number): void {
    this.timer?.cancel();
    this.timerAt = at;
    // Never less than the timer's own step, or a rounding error would spin.
    const delayMs = Math.max(1, at - this.clock.now());
    this.timer = NO_CONTEXT.runInAsyncScope(() =>
      this.clock.schedule(this.expire, delayMs, this.keepsProcess),
    );
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private readonly expire = (): void => {
    this.disarm();
    const { first } = this.heap;
    if (first === undefined) return;
    if (first.deadline > this.clock.now()) {
      this.arm(first.deadline);
      return;
    }
    this.heap.remove(first);
    // What it adds needs no timer before the next look.
    this.timerAt = Number.NEGATIVE_INFINITY;
    try {
      this.due(first);
    } finally {
      // What was due may have entered a context of its own (`enterWith`).
      NO_CONTEXT.runInAsyncScope(() => this.clock.execute(this.expire));
    }
  };
}
