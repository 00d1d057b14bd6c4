import { AsyncResource } from 'node:async_hooks';
import type { Clock, DeadlineEntry, Deadlines, Timer } from '../contract/clock.ts';
import { DeadlineHeap } from './deadline-heap.ts';
import { afterReads, isLate } from './late-timer.ts';

/**
 * An empty async context. One timer serves many connections, and must not keep the context of a connection or show it to
 * others.
 */
const NO_CONTEXT = /* @__PURE__ */ new AsyncResource('ClockDeadlines');

/**
 * Maximum time per turn of the event loop for deadlines, in milliseconds. Connections that are read have a budget of the same
 * kind.
 */
const TURN_BUDGET_MS = 1;

/**
 * Rounds a time up to whole milliseconds, so that a deadline can be up to 1 ms late. A field with a fraction would need 16
 * more bytes for each idle connection.
 */
export function ceilMs(time: number): number {
  return Math.ceil(time);
}

/**
 * All deadlines of one clock: a heap, and one timer for the earliest deadline. Each due deadline is called in an event of its
 * own. Deadlines that are due together share the turns of the event loop with the connections that are read. When their share
 * of a turn is used up, the other deadlines wait for the next turn. A deadline that is late waits until the sockets were read.
 */
export class ClockDeadlines implements Deadlines {
  private readonly clock: Omit<Clock, 'deadlines'>;
  private readonly heap = new DeadlineHeap<DeadlineEntry>();
  private timer: Timer | undefined = undefined;
  private timerAt = Number.POSITIVE_INFINITY;
  /** Number of deadlines that keep the process alive. */
  private keeping = 0;
  /** Whether the next check is planned for this turn or a later turn. If true, no timer is needed. */
  private isFiring = false;
  /** Time at which the share of this turn is used up, or 0 if no share has begun. */
  private turnEndsAt = 0;
  /** Time up to which deadlines may be over: the sockets were read after it. */
  private readAt = 0;

  /** @param clock - clock of the deadlines */
  constructor(clock: Omit<Clock, 'deadlines'>) {
    this.clock = clock;
  }

  get size(): number {
    return this.heap.size;
  }

  add(entry: DeadlineEntry, delayMs: number): void {
    if (entry.heapIndex !== -1) this.takeOut(entry);
    if (delayMs === Number.POSITIVE_INFINITY) {
      this.rest();
      return;
    }
    entry.deadline = ceilMs(this.clock.now() + delayMs);
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

  /** Removes the timer when no deadline is left. */
  private rest(): void {
    if (this.heap.size === 0) this.disarm();
  }

  private arm(): void {
    this.timer?.cancel();
    const at = this.heap.first!.deadline;
    this.timerAt = at;
    const delayMs = Math.max(0, at - this.clock.now());
    this.timer = NO_CONTEXT.runInAsyncScope(() =>
      this.clock.schedule(this.due, delayMs, this.keeping > 0),
    );
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.timerAt = Number.POSITIVE_INFINITY;
  }

  /** Called by the timer, which has waited for the sockets itself if it was late. */
  private readonly due = (): void => this.wereRead(this.timerAt);

  private readonly wereRead = (readAt: number): void => {
    this.readAt = readAt;
    this.fire();
  };

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
    // The task of another deadline can have taken long, too.
    if (first.deadline > this.readAt && isLate(now - first.deadline)) {
      this.turnEndsAt = 0;
      afterReads(clock, now, now - first.deadline, this.wereRead);
      return;
    }
    if (this.turnEndsAt === 0) this.turnEndsAt = clock.turns.endOfShare(now, TURN_BUDGET_MS);
    else if (now >= this.turnEndsAt) {
      this.turnEndsAt = 0;
      this.readAt = now;
      clock.turns.wait(now, this.fire);
      return;
    }
    this.takeOut(first);
    try {
      first.expire();
    } finally {
      // The entry can have entered a context of its own (`enterWith`).
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
