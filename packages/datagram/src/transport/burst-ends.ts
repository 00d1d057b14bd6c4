import type { Clock } from '@headrace/core';

/** Something that got datagrams in this turn of the event loop. */
export interface Burst {
  endBurst(): void;
}

/**
 * The ends of bursts. Node reports each datagram by an event of its own; what comes in one turn of the event loop is one
 * burst, so that a handler that flushes at its end flushes once.
 */
export class BurstEnds {
  private readonly clock: Clock;
  private begun: Burst[] = [];
  private ending: Burst[] = [];
  private readonly run = (): void => this.endAll();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Called once for each burst. */
  begin(burst: Burst): void {
    this.begun.push(burst);
    if (this.begun.length === 1) this.clock.nextTurn(this.run);
  }

  private endAll(): void {
    const { begun } = this;
    this.begun = this.ending;
    for (const burst of begun) burst.endBurst();
    begun.length = 0;
    this.ending = begun;
  }
}
