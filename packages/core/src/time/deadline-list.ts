import type { Clock, DeadlineEntry } from '../contract/clock.ts';
import { DeadlineHeap, type HeapEntry } from './deadline-heap.ts';

/**
 * The deadlines of one owner, for example of all calls of a connection. All of them use one deadline of the clock, which is
 * set for the earliest entry. The clock's deadline stays set when that entry is removed, because most calls are answered long
 * before. Therefore a call sets no timer, and does not change the clock's heap.
 */
export class DeadlineList<E extends HeapEntry> implements DeadlineEntry {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  readonly keepsProcess: boolean;
  private readonly clock: Clock;
  private readonly heap = new DeadlineHeap<E>();
  private readonly due: (entry: E) => void;
  /** Time at which the clock's deadline is due. */
  private dueAt = Number.POSITIVE_INFINITY;

  /**
   * @param due - called for each due entry, after its removal; must not throw
   * @param keepsProcess - whether the list keeps the process alive while it has an entry
   */
  constructor(clock: Clock, due: (entry: E) => void, keepsProcess = false) {
    this.clock = clock;
    this.due = due;
    this.keepsProcess = keepsProcess;
  }

  get size(): number {
    return this.heap.size;
  }

  /** Adds an entry. An entry with the deadline `Infinity` is not stored. */
  add(entry: E): void {
    if (entry.deadline === Number.POSITIVE_INFINITY) return;
    this.heap.add(entry);
    if (entry.deadline < this.dueAt) this.arm();
  }

  /** Removes an entry. Does nothing if the list does not contain it. */
  remove(entry: E): void {
    this.heap.remove(entry);
    if (this.keepsProcess && this.heap.size === 0) this.disarm();
  }

  clear(): void {
    this.heap.clear();
    this.disarm();
  }

  expire(): void {
    this.dueAt = Number.POSITIVE_INFINITY;
    const { first } = this.heap;
    if (first === undefined) return;
    if (first.deadline > this.clock.now()) {
      this.arm();
      return;
    }
    this.heap.remove(first);
    // The next entry is handled in an event of its own.
    if (this.heap.size > 0) this.arm();
    this.due(first);
  }

  private arm(): void {
    const { deadline } = this.heap.first!;
    this.dueAt = deadline;
    this.clock.deadlines.add(this, deadline - this.clock.now());
  }

  private disarm(): void {
    this.dueAt = Number.POSITIVE_INFINITY;
    this.clock.deadlines.remove(this);
  }
}
