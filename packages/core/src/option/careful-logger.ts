import { callSafely } from '../call/call-safely.ts';
import type { Logger, LogLevel } from '../contract/logger.ts';
import { checkKind } from './option-check.ts';
import { custom, type Same } from './option-kind.ts';

/** Passes lines to the application's logger. If that logger throws or rejects, the process emits a warning. */
class CarefulLogger implements Logger {
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  log(level: LogLevel, message: string, error?: Error): void {
    callSafely(() => this.logger.log(level, message, error), undefined);
  }
}

/** Returns a logger that is safe to call anywhere, because it never throws. */
export function carefulLogger(logger: Logger): Logger {
  return logger instanceof CarefulLogger ? logger : new CarefulLogger(logger);
}

const ALLOWED = 'a Logger, such as stderrLogger()';

/** The option `logger`. The resolved value is a {@link carefulLogger}. */
export const LOGGER = custom(ALLOWED, (name, given: Logger) => {
  const isLogger = typeof (given as Logger | null)?.log === 'function';
  return carefulLogger(checkKind(name, given, isLogger, ALLOWED)) as unknown as Same;
});
