import type { LogLevel } from '../contract.ts';

/** A page's standard error: the one place that writes to the console. */
export function writeToConsole(level: LogLevel, ...what: readonly unknown[]): void {
  globalThis.console[level](...what);
}
