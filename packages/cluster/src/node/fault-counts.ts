import type { Logger } from '@headrace/core';

const MAX_TEXT = 200;

/** Counts the ignored messages of the bus by cause, and logs the first message of each cause. */
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
    // The text can quote a message, and a peer must not write lines into the log.
    const shown = JSON.stringify(text.slice(0, MAX_TEXT)).slice(1, -1);
    const line = `ignored on ${subject}: ${shown}; further ones (${cause}) are only counted`;
    this.logger.log('warn', line);
  }

  /** Returns the count of each cause. */
  toObject(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counts);
  }
}
