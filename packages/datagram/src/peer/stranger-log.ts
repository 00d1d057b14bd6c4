import type { Clock, Logger, LogLevel } from '@headrace/core';
import { RepeatLimit } from '@headrace/core/authoring';

/** Maximum number of warnings and errors that strangers can cause in one period. */
const LIMIT = { maxLines: 10, periodMs: 3_600_000 };

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
  private readonly limit: RepeatLimit;
  private logger: Logger | undefined = undefined;

  constructor(clock: Clock) {
    const report = (_line: string, count: number): void => {
      const text = `${count} lines of strangers went to level debug in the last hour`;
      this.logger?.log('warn', text);
    };
    this.limit = new RepeatLimit({ ...LIMIT, clock, report });
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

  close(): void {
    this.limit.close();
  }

  private log(logger: Logger, level: LogLevel, text: string, error: Error | undefined): void {
    this.logger = logger;
    const passes = this.limit.passes(text, 'stranger');
    if (!passes) this.lowered += 1;
    logger.log(passes ? level : 'debug', text, error);
  }
}
