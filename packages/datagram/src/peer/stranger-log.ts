import type { Clock, Logger, LogLevel } from '@headrace/core';

/** Maximum number of warnings and errors that strangers can cause in one period. */
const MAX_LINES = 10;
const PERIOD_MS = 3_600_000;

/** The peer of a log line. */
export interface LoggedPeer {
  readonly isKnown: boolean;
}

/**
 * Limits the log lines that strangers can cause. Each forged sender has a channel, and each channel writes a line for its
 * first error. Ten warnings per hour pass for all strangers together. Later lines are lowered to level debug, and counted.
 */
export class StrangerLog {
  /** Number of lines that were lowered to level debug. */
  lowered = 0;
  private readonly clock: Clock;
  private endsAt = Number.NEGATIVE_INFINITY;
  /** Number of lines in this period. */
  private lines = 0;
  private loweredBefore = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** @param peer - peer that is checked for each line; omitted if all lines are about strangers */
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

  /** Starts another period if the last period has ended. Returns a text about the last period for the first line. */
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
