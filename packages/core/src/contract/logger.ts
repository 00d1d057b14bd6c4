/** The importance of a log line, from `debug` for ordinary events to `error` for a fault of the program. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/**
 * The destination of the framework's log lines. A line and an error can contain text that a peer sent, with line breaks and control
 * characters. `stderrLogger` and pino escape them. A logger of your own must do so, too, for example by JSON.
 */
export interface Logger {
  /** Called for every line, at any level. If the method throws an error, the process emits a warning. */
  log(level: LogLevel, message: string, error?: Error): void;
}
