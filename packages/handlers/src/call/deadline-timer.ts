import type { Clock, Timer } from '@headrace/core';
import { type DeadlineEntry, DeadlineHeap } from './deadline-heap.ts';

/**
 * Many deadlines with one timer. It is set for the earliest of them and stays set when that one is taken out, because
 * most calls are answered long before: so a call sets no timer, and an idle connection has at most one, once.
 */
export class DeadlineTimer<E extends DeadlineEntry> {
  private readonly clock: Clock;
  private readonly heap = new DeadlineHeap<E>();
  private readonly due: (entry: E) => void;
  private readonly keepsProcess: boolean;
  private timer: Timer | undefined = undefined;
  private timerAt = Number.POSITIVE_INFINITY;

  /**
   * @param due - called for each entry whose time has come, which is then taken out
   * @param keepsProcess - keeps the process alive while there is an entry; costs a timer whenever the first one comes
   */
  constructor(clock: Clock, due: (entry: E) => void, keepsProcess = false) {
    this.clock = clock;
    this.due = due;
    this.keepsProcess = keepsProcess;
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
    if (this.keepsProcess && this.heap.size === 0) this.disarm();
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
    this.timer = this.clock.schedule(() => this.expire(), delayMs, this.keepsProcess);
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private expire(): void {
    this.disarm();
    const now = this.clock.now();
    for (let first = this.heap.first; first !== undefined; first = this.heap.first) {
      if (first.deadline > now) {
        // What was due may have added one that is due earlier, with a timer of its own.
        if (first.deadline < this.timerAt) this.arm(first.deadline);
        return;
      }
      this.heap.remove(first);
      this.due(first);
    }
  }
}
