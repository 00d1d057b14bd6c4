import type { Clock } from '@headrace/core';

/** An object that has datagrams to deliver. */
export interface Delivery {
  deliver(): void;
}

/**
 * The next turn of the event loop, for all channels on one socket. Node reports each datagram by a separate event. The
 * datagrams of one turn are delivered together, so that a handler that flushes at the end of a burst flushes once.
 */
export class NextTurn {
  readonly clock: Clock;
  private waiting: Delivery[] = [];
  private spare: Delivery[] = [];
  private readonly run = (): void => this.deliverAll();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(delivery: Delivery): void {
    this.waiting.push(delivery);
    if (this.waiting.length === 1) this.clock.nextTurn(this.run);
  }

  private deliverAll(): void {
    const { waiting } = this;
    this.waiting = this.spare;
    for (const delivery of waiting) delivery.deliver();
    waiting.length = 0;
    this.spare = waiting;
  }
}
