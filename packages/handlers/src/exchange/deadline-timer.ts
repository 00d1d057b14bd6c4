import type { Clock, Timer } from '@headrace/core';
import { type DeadlineEntry, DeadlineHeap } from './deadline-heap.ts';

/**
 * Many deadlines with one timer. It is set for the earliest of them and stays set when that one is taken out, because
 * most calls are answered long before: so a call sets no timer, and an idle connection has at most one, once.
 */
export class DeadlineTimer<E extends DeadlineEntry> {
  private readonly heap = new DeadlineHeap<E>();
  private readonly due: (entry: E) => void;
  private timer: Timer | undefined = undefined;
  private timerAt = Number.POSITIVE_INFINITY;

  /** @param due - called for each entry whose time has come, which is then taken out */
  constructor(due: (entry: E) => void) {
    this.due = due;
  }

  /** How many deadlines there are. */
  get size(): number {
    return this.heap.size;
  }

  /** An entry without an end, `Infinity`, needs no place. */
  add(clock: Clock, entry: E): void {
    if (entry.deadline === Number.POSITIVE_INFINITY) return;
    this.heap.add(entry);
    if (entry.deadline < this.timerAt) this.arm(clock, entry.deadline);
  }

  remove(entry: E): void {
    this.heap.remove(entry);
  }

  /** Forgets all, and the timer. */
  clear(): void {
    this.heap.clear();
    this.disarm();
  }

  private arm(clock: Clock, at: number): void {
    this.timer?.cancel();
    this.timerAt = at;
    // Never less than the timer's own step, or a rounding error would spin.
    const delayMs = Math.max(1, at - clock.now());
    this.timer = clock.schedule(() => this.expire(clock), delayMs);
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private expire(clock: Clock): void {
    this.disarm();
    const now = clock.now();
    for (let first = this.heap.first; first !== undefined; first = this.heap.first) {
      if (first.deadline > now) {
        // What was due may have added one that is due earlier, with a timer of its own.
        if (first.deadline < this.timerAt) this.arm(clock, first.deadline);
        return;
      }
      this.heap.remove(first);
      this.due(first);
    }
  }
}
