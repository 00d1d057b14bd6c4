import type { Clock, Logger, LogLevel } from '@headrace/core';

/** Warnings and errors that strangers may cause in one period. */
const MAX_LINES = 10;
const PERIOD_MS = 3_600_000;

/** The peer that a line is about. */
export interface LoggedPeer {
  readonly isKnown: boolean;
}

/**
 * Bounds what strangers can write to a log. Each forged sender has a channel, and each channel has a line for its first
 * error: ten warnings in an hour pass, for all strangers together; later ones go to level debug, and are counted.
 */
export class StrangerLog {
  /** Lines that went to level debug. */
  lowered = 0;
  private readonly clock: Clock;
  private endsAt = Number.NEGATIVE_INFINITY;
  /** Of the period. */
  private lines = 0;
  private loweredBefore = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** @param peer - asked for each line; left out where all lines are about strangers */
  over(logger: Logger, peer?: LoggedPeer): Logger {
    return {
      log: (level, text, error) => {
        if (level === 'debug' || level === 'info' || peer?.isKnown === true) {
          logger.log(level, text, error);
        } else this.log(logger, level, text, error);
      },
    };
  }

  private log(logger: Logger, level: LogLevel, text: string, error: Error | undefined): void {
    const before = this.beginPeriod();
    if (this.lines >= MAX_LINES) {
      this.lowered += 1;
      logger.log('debug', text, error);
      return;
    }
    this.lines += 1;
    const after =
      this.lines < MAX_LINES ? '' : '; further lines of strangers go to level debug for an hour';
    logger.log(level, `${text}${before}${after}`, error);
  }

  /** Begins another period if the last one is over, and returns what its first line says of the last one. */
  private beginPeriod(): string {
    const now = this.clock.now();
    if (now < this.endsAt) return '';
    this.endsAt = now + PERIOD_MS;
    this.lines = 0;
    const count = this.lowered - this.loweredBefore;
    this.loweredBefore = this.lowered;
    return count === 0 ? '' : `; ${count} lines of strangers went to level debug before`;
  }
}
