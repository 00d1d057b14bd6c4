import type { Clock } from '@headrace/core';

/** Minimum time between two lines, in milliseconds. */
const PERIOD_MS = 10_000;

/**
 * Limits the log lines that strangers can cause to one line per period. The line contains the number of lines that were
 * suppressed before.
 */
export class RareLog {
  private readonly clock: Clock;
  private readonly write: (line: string) => void;
  private nextAt = 0;
  private leftOut = 0;

  constructor(clock: Clock, write: (line: string) => void) {
    this.clock = clock;
    this.write = write;
  }

  log(line: string): void {
    const now = this.clock.now();
    if (now < this.nextAt) {
      this.leftOut += 1;
      return;
    }
    this.nextAt = now + PERIOD_MS;
    this.write(this.leftOut === 0 ? line : `${line} (and ${this.leftOut} more like this)`);
    this.leftOut = 0;
  }
}
