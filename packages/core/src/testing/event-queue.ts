import type { Timer } from '../contract/clock.ts';

/**
 * An event that happens at a set time, unless it is canceled before. A canceled event stays in the queue without a task until
 * its time.
 */
export class TimedEvent implements Timer {
  /** Due time, in milliseconds of virtual time. */
  // Declared without an initializer, because a test can make millions of events.
  declare readonly atMs: number;
  /** Number of the event. Events of the same time happen in the order of their numbers. */
  declare readonly order: number;
  /** Task of the event, or `undefined` after it was canceled or run. */
  declare task: (() => void) | undefined;

  constructor(atMs: number, order: number, task: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.task = task;
  }

  cancel(): void {
    this.task = undefined;
  }
}

/** A heap of the events that are due in virtual time, ordered by time and then by the order of adding. */
export class EventQueue {
  private readonly heap: TimedEvent[] = [];
  private order = 0;

  /** Number of events that are not canceled. */
  get size(): number {
    return this.heap.filter(({ task }) => task !== undefined).length;
  }

  clear(): void {
    this.heap.length = 0;
  }

  /** Adds an event that is due at `atMs`, in milliseconds of virtual time. */
  add(atMs: number, task: () => void): TimedEvent {
    this.order += 1;
    const event = new TimedEvent(atMs, this.order, task);
    const { heap } = this;
    let index = heap.length;
    heap.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
    return event;
  }

  /** Returns the next event that is not canceled, without removing it. */
  first(): TimedEvent | undefined {
    for (;;) {
      const event = this.heap[0];
      if (event === undefined || event.task !== undefined) return event;
      this.dropFirst();
    }
  }

  /** Removes the first event, including a canceled event. */
  dropFirst(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: TimedEvent, b: TimedEvent): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}
