import type { Logger } from '@headrace/core';

const MAX_TEXT = 200;

/** Counts of ignored messages of the bus, by cause; the first of each cause is logged. */
export class FaultCounts {
  private readonly logger: Logger;
  private readonly counts = new Map<string, number>();

  constructor(logger: Logger) {
    this.logger = logger;
  }

  add(cause: string, subject: string, text: string): void {
    const count = (this.counts.get(cause) ?? 0) + 1;
    this.counts.set(cause, count);
    if (count > 1) return;
    // The text may quote a message: a peer does not write lines into our log.
    const shown = JSON.stringify(text.slice(0, MAX_TEXT)).slice(1, -1);
    const line = `ignored on ${subject}: ${shown}; further ones (${cause}) are only counted`;
    this.logger.log('warn', line);
  }

  /** How many of each cause so far. */
  toObject(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counts);
  }
}
