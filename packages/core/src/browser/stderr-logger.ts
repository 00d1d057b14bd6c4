import type { Logger, LogLevel } from '../contract/logger.ts';
import { checkChoice } from '../option/option-check.ts';
import { writeToConsole } from './page-console.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/**
 * Returns the default logger of a page, which writes to the console from `level` on. On Node, it writes lines to standard error.
 */
export function stderrLogger(level: LogLevel = defaultLevel()): Logger {
  const least = LEVELS.indexOf(checkChoice('level', level, LEVELS));
  return {
    log(at, message, error) {
      if (LEVELS.indexOf(at) < least) return;
      if (error === undefined) writeToConsole(at, message);
      else writeToConsole(at, `${message}:`, error);
    },
  };
}

/** A logger that writes nothing. */
export const silentLogger: Logger = { log() {} };

function defaultLevel(): LogLevel {
  return process.env.HEADRACE_DEBUG === undefined ? 'warn' : 'debug';
}
