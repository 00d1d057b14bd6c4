import type { Channel, Clock } from '@headrace/core';
import type { DeadlineEntry } from './deadline-heap.ts';
import { DeadlineTimer } from './deadline-timer.ts';

/** A deadline of one connection. */
export interface ChannelDeadline extends DeadlineEntry {
  /** Its time has come; it is in the heap no more. Must not throw. */
  expire(): void;
}

/** Those of each clock. */
const timers = new WeakMap<Clock, DeadlineTimer<ChannelDeadline>>();

/**
 * The deadlines of all connections with the clock of this channel. They have one timer: a timer of the clock for each
 * connection takes 230 bytes more. What they call runs in no asynchronous context.
 */
export function channelDeadlines({ clock }: Channel): DeadlineTimer<ChannelDeadline> {
  let timer = timers.get(clock);
  if (timer === undefined) {
    timer = new DeadlineTimer<ChannelDeadline>(clock, expire, { endsWithLast: true });
    timers.set(clock, timer);
  }
  return timer;
}

/** Less than a millisecond early: a field with a fraction would take 16 bytes more, for each idle connection. */
export function wholeMs(time: number): number {
  return Math.floor(time);
}

const expire = (deadline: ChannelDeadline): void => deadline.expire();
