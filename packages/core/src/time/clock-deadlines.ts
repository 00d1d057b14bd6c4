import { AsyncResource } from 'node:async_hooks';
import type { Clock, DeadlineEntry, Deadlines, Timer } from '../contract.ts';
import { DeadlineHeap } from './deadline-heap.ts';

/** The one timer serves many connections: it must not keep, or show to others, the context of one of them. */
const NO_CONTEXT = /* @__PURE__ */ new AsyncResource('ClockDeadlines');

/** The part of one turn of the event loop that deadlines take, as connections that are read do. */
const TURN_BUDGET_MS = 1;

/** A field with a fraction would take 16 bytes more, for each idle connection: deadlines come up to 1 ms late. */
export function wholeMs(time: number): number {
  return Math.ceil(time);
}

/**
 * All deadlines of one clock: a heap, and one timer for the earliest of them. Each that is due is called in an event of
 * its own. Deadlines that fall together share the turns of the event loop with the connections that are read: when
 * their share is used up the rest waits for the next turn.
 */
export class ClockDeadlines implements Deadlines {
  private readonly clock: Omit<Clock, 'deadlines'>;
  private readonly heap = new DeadlineHeap<DeadlineEntry>();
  private timer: Timer | undefined = undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  /** How many of them keep the process alive. */
  private keeping = 0;
  /** The next look is planned for this turn or a later one: no timer is needed. */
  private isFiring = false;
  /** When the share of this turn is used up; 0 while none has begun. */
  private turnEndsAt = 0;

  /** @param clock - the clock that these are the deadlines of */
  constructor(clock: Omit<Clock, 'deadlines'>) {
    this.clock = clock;
  }

  /** How many there are. */
  get size(): number {
    return this.heap.size;
  }

  add(entry: DeadlineEntry, delayMs: number): void {
    if (entry.heapIndex !== -1) this.takeOut(entry);
    if (delayMs === Number.POSITIVE_INFINITY) {
      this.rest();
      return;
    }
    entry.deadline = wholeMs(this.clock.now() + delayMs);
    this.heap.add(entry);
    if (entry.keepsProcess === true) this.keeping += 1;
    const isKept = entry.keepsProcess === true && this.keeping === 1;
    if (!this.isFiring && (entry.deadline < this.timerAt || isKept)) this.arm();
  }

  remove(entry: DeadlineEntry): void {
    if (entry.heapIndex === -1) return;
    this.takeOut(entry);
    this.rest();
    if (entry.keepsProcess === true && this.keeping === 0 && this.timer !== undefined) this.arm();
  }

  schedule(task: () => void, delayMs: number): Timer {
    const entry = new ScheduledTask(this, task);
    this.add(entry, delayMs);
    return entry;
  }

  /** Forgets all of them, and the timer. */
  clear(): void {
    this.heap.clear();
    this.keeping = 0;
    this.isFiring = false;
    this.disarm();
  }

  private takeOut(entry: DeadlineEntry): void {
    this.heap.remove(entry);
    if (entry.keepsProcess === true) this.keeping -= 1;
  }

  /** No timer outlives the last deadline. */
  private rest(): void {
    if (this.heap.size === 0) this.disarm();
  }

  private arm(): void {
    this.timer?.cancel();
    const at = this.heap.first!.deadline;
    this.timerAt = at;
    const delayMs = Math.max(0, at - this.clock.now());
    this.timer = NO_CONTEXT.runInAsyncScope(() =>
      this.clock.schedule(this.fire, delayMs, this.keeping > 0),
    );
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  private readonly fire = (): void => {
    this.disarm();
    this.isFiring = false;
    const { clock } = this;
    const { first } = this.heap;
    const now = clock.now();
    if (first === undefined || first.deadline > now) {
      this.turnEndsAt = 0;
      if (first !== undefined) this.arm();
      return;
    }
    this.isFiring = true;
    if (this.turnEndsAt === 0) this.turnEndsAt = clock.turns.endOfShare(now, TURN_BUDGET_MS);
    else if (now >= this.turnEndsAt) {
      this.turnEndsAt = 0;
      clock.turns.wait(now, this.fire);
      return;
    }
    this.takeOut(first);
    try {
      first.expire();
    } finally {
      // The entry may have entered a context of its own (`enterWith`).
      NO_CONTEXT.runInAsyncScope(() => clock.execute(this.fire));
    }
  };
}

class ScheduledTask implements DeadlineEntry, Timer {
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  private readonly deadlines: Deadlines;
  private readonly task: () => void;

  constructor(deadlines: Deadlines, task: () => void) {
    this.deadlines = deadlines;
    this.task = task;
  }

  expire(): void {
    this.task();
  }

  cancel(): void {
    this.deadlines.remove(this);
  }
}
