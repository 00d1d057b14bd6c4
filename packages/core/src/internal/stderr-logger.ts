import type { Logger, LogLevel } from '../contract.ts';

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A logger that writes one line per message at or above `level` to standard error. */
export function stderrLogger(level: LogLevel = 'warn'): Logger {
  return {
    log(messageLevel, message, error) {
      if (RANK[messageLevel] < RANK[level]) return;
      const cause = error === undefined ? '' : `: ${oneLine(error)}`;
      process.stderr.write(`${new Date().toISOString()} ${messageLevel} ${message}${cause}\n`);
    },
  };
}

/** A logger that says nothing. */
export const silentLogger: Logger = { log() {} };

function oneLine(error: Error): string {
  const text = `${error.name}: ${error.message}`;
  return text.replaceAll(/[\r\n]+/g, ' ');
}
