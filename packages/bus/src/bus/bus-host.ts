import type { Clock, Logger } from '@headrace/core';

/** The clock, logger and random numbers that a bus receives from its process. Tests replace all parts. */
export interface BusHost {
  readonly clock: Clock;
  /** Receives one line for each problem. */
  readonly logger: Logger;
  /** Returns a random number, at least 0 and below 1. */
  readonly random: () => number;
  /** Subject on which only this bus publishes and listens. A message that comes back on this subject shows that the bus is up. */
  readonly probe: string;
}
