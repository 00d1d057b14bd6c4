import type { Clock, DeadlineEntry } from '../contract.ts';
import { DeadlineHeap, type HeapEntry } from './deadline-heap.ts';

/**
 * The deadlines of one owner, such as those of all calls of a connection: together they are one deadline of the clock.
 * It is set for the earliest of them and stays set when that one is taken out, because most calls are answered long
 * before: a call sets no timer, and does not go through the deadlines of all connections.
 */
export class DeadlineList<E extends HeapEntry> implements DeadlineEntry {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  readonly keepsProcess: boolean;
  private readonly clock: Clock;
  private readonly heap = new DeadlineHeap<E>();
  private readonly due: (entry: E) => void;
  /** When the clock's deadline is due, by our clock. */
  private dueAt = Number.POSITIVE_INFINITY;

  /**
   * @param due - called for each entry whose time has come, which is then taken out; must not throw
   * @param keepsProcess - the process is kept alive while there is an entry
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
    if (entry.deadline < this.dueAt) this.arm();
  }

  /** Takes an entry out; does nothing for one that has no place. */
  remove(entry: E): void {
    this.heap.remove(entry);
    if (this.keepsProcess && this.heap.size === 0) this.disarm();
  }

  /** Forgets all. */
  clear(): void {
    this.heap.clear();
    this.disarm();
  }

  /** The clock calls it. */
  expire(): void {
    this.dueAt = Number.POSITIVE_INFINITY;
    const { first } = this.heap;
    if (first === undefined) return;
    if (first.deadline > this.clock.now()) {
      this.arm();
      return;
    }
    this.heap.remove(first);
    // The next one gets an event of its own.
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
