import type { BusSubscription } from '@headrace/bus';
import type { Clock, Timer } from '@headrace/core';
import type { LogEntry } from '../contract/log.ts';

/** Time that an entry waits for the entry before it. After this time, the follower has a gap, and reads the log. */
const WAIT_MS = 50;
const MAX_WAITING = 64;

/**
 * Puts the live copies of one stream in order. A NATS server can republish the messages of several writers in another order than
 * it stored them. Each copy waits for a short time for the copy before it.
 */
export class LiveOrder<E extends LogEntry = LogEntry> implements BusSubscription {
  private readonly clock: Clock;
  private readonly deliver: (entry: E) => void;
  /** The offset of the last delivered entry, or 0 before the first. */
  private last = 0;
  /** The offset of the last late entry. The entry that follows it is in order again. */
  private late = 0;
  /** The waiting entries, by offset. */
  private waiting: E[] = [];
  private timer: Timer | undefined = undefined;

  constructor(clock: Clock, deliver: (entry: E) => void) {
    this.clock = clock;
    this.deliver = deliver;
  }

  take(entry: E): void {
    const { last, waiting } = this;
    const { position, previous } = entry;
    // The entry is late, and the follower has read it from the log. Or the entry before it did not contain its place.
    if (position.offset <= last) {
      if (previous === this.late) this.last = position.offset;
      this.late = position.offset;
      this.deliver(entry);
      return;
    }
    if (last > 0 && previous > last) {
      const after = waiting.findIndex((other) => other.position.offset > position.offset);
      waiting.splice(after < 0 ? waiting.length : after, 0, entry);
      if (waiting.length > MAX_WAITING) this.giveUp();
      else if (this.timer === undefined) this.wait();
      return;
    }
    this.pass(entry);
    while (waiting.length > 0 && waiting[0]!.previous <= this.last) this.pass(waiting.shift()!);
    if (waiting.length === 0) this.stopWaiting();
  }

  close(): void {
    this.waiting = [];
    this.stopWaiting();
  }

  private wait(): void {
    const { clock } = this;
    const timer = clock.schedule(() => {
      // Messages that arrived while this process stood still are in the socket, and are read before the next turn.
      clock.nextTurn(() => {
        if (this.timer === timer) this.giveUp();
      });
    }, WAIT_MS);
    this.timer = timer;
  }

  private giveUp(): void {
    this.stopWaiting();
    for (const entry of this.waiting.splice(0)) this.pass(entry);
  }

  private pass(entry: E): void {
    this.last = entry.position.offset;
    this.deliver(entry);
  }

  private stopWaiting(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}
