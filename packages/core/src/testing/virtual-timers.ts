import type { Timer } from '../contract.ts';

/** A timer of the virtual clock; one that is cancelled waits without a task until it is due. */
export class VirtualTimer implements Timer {
  // Declared, because a test may make millions.
  declare readonly due: number;
  declare readonly order: number;
  declare task: (() => void) | undefined;

  constructor(due: number, order: number, task: () => void) {
    this.due = due;
    this.order = order;
    this.task = task;
  }

  cancel(): void {
    this.task = undefined;
  }
}

/** Below this many, the part of a row that is done with is not worth cutting off. */
const MIN_MOVED = 1024;

/** Timers of one delay: they fall due in the order in which they were set. */
class Row {
  readonly delayMs: number;
  private timers: (VirtualTimer | undefined)[];
  private start = 0;

  constructor(delayMs: number, first: VirtualTimer) {
    this.delayMs = delayMs;
    this.timers = [first];
  }

  get first(): VirtualTimer | undefined {
    return this.timers[this.start];
  }

  add(timer: VirtualTimer): void {
    this.timers.push(timer);
  }

  dropFirst(): void {
    this.timers[this.start] = undefined;
    this.start += 1;
    if (this.start < MIN_MOVED || this.start * 2 < this.timers.length) return;
    this.timers = this.timers.slice(this.start);
    this.start = 0;
  }

  *[Symbol.iterator](): Generator<VirtualTimer> {
    for (const timer of this.timers) if (timer?.task !== undefined) yield timer;
  }
}

/**
 * Timers by due time, then by the order in which they were set. Those of one delay stand in a row, as in
 * Node, so that many connections with the same time-out cost next to nothing; the rows stand in a heap.
 */
export class VirtualTimers {
  private readonly rows = new Map<number, Row>();
  private readonly heap: Row[] = [];

  add(timer: VirtualTimer, delayMs: number): void {
    const row = this.rows.get(delayMs);
    if (row !== undefined) {
      row.add(timer);
      return;
    }
    const fresh = new Row(delayMs, timer);
    this.rows.set(delayMs, fresh);
    this.heap.push(fresh);
    this.siftUp(this.heap.length - 1);
  }

  /** The timer that is due first. */
  first(): VirtualTimer | undefined {
    for (;;) {
      const timer = this.heap[0]?.first;
      if (timer === undefined || timer.task !== undefined) return timer;
      this.dropFirst();
    }
  }

  dropFirst(): void {
    const row = this.heap[0]!;
    row.dropFirst();
    if (row.first === undefined) {
      this.rows.delete(row.delayMs);
      const last = this.heap.pop()!;
      if (this.heap.length === 0) return;
      this.heap[0] = last;
    }
    this.siftDown(0);
  }

  /** Those that are not cancelled. */
  *[Symbol.iterator](): Generator<VirtualTimer> {
    for (const row of this.heap) yield* row;
  }

  private siftUp(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.isBefore(index, parent)) return;
      this.swap(index, parent);
      index = parent;
    }
  }

  private siftDown(start: number): void {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= this.heap.length) return;
      const right = left + 1;
      const child = right < this.heap.length && this.isBefore(right, left) ? right : left;
      if (!this.isBefore(child, index)) return;
      this.swap(index, child);
      index = child;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const one = this.heap[a]!.first!;
    const other = this.heap[b]!.first!;
    return one.due === other.due ? one.order < other.order : one.due < other.due;
  }

  private swap(a: number, b: number): void {
    const row = this.heap[a]!;
    this.heap[a] = this.heap[b]!;
    this.heap[b] = row;
  }
}
