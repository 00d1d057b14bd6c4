import type { LogLevel } from '../contract/logger.ts';

/** Writes to the console of a page. No other code does so. */
export function writeToConsole(level: LogLevel, ...what: readonly unknown[]): void {
  globalThis.console[level](...what);
}
