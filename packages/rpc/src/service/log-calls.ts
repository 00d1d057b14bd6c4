import { type Clock, type Logger, type LogLevel, stderrLogger } from '@headrace/core';
import { CLOCK, choice, describeOptions, LOGGER, time, toError } from '@headrace/core/authoring';
import { type CallOutcome, type CallWatcher, clockOf, watchedCall } from './call-outcome.ts';

/** Options of {@link logCalls}. */
export interface LogCallsOptions {
  /** Logger of the calls. @default the channel's at the server, stderrLogger() at the client */
  readonly logger?: Logger;
  /** Level of a call that was answered, refused by its service, or cancelled. Other calls are warnings. @default 'info' */
  readonly level?: LogLevel;
  /** Time below which answered calls are not logged, in milliseconds; `false` to log all. @default false */
  readonly slowMs?: number | false;
  /** Clock of the client. A server uses the clock of its channel. @default systemClock */
  readonly clock?: Clock;
}

const OPTIONS = describeOptions('logCalls', {
  logger: LOGGER,
  level: choice(['debug', 'info', 'warn', 'error'], { default: 'info' }),
  slowMs: time({ default: false }),
  clock: CLOCK,
});

const USUAL: ReadonlySet<CallOutcome> = new Set([
  'ok',
  'refused',
  'unknown-method',
  'invalid',
  'cancelled',
]);

/**
 * Makes an interceptor for either end that logs each call when it has ended, with its name, outcome and duration. Inputs and
 * answers are not logged.
 *
 * @example
 * ```ts check
 * import { logCalls } from '@headrace/rpc';
 *
 * const ofServer = { interceptors: [logCalls({ slowMs: 100 })] };
 * ```
 */
export function logCalls(options: LogCallsOptions = {}): CallWatcher {
  const { logger, level, slowMs, clock } = OPTIONS.resolve(options);
  const ownLogger = logger ?? stderrLogger();
  const leastMs = slowMs === Number.POSITIVE_INFINITY ? 0 : slowMs;
  return (call, next) => {
    const { service, method, scope } = call;
    const time = clockOf(call, clock);
    const begunAt = time.now();
    const lines = logger === undefined ? (scope?.channel.logger ?? ownLogger) : ownLogger;
    const ended = (outcome: CallOutcome, error?: unknown): void => {
      const tookMs = time.now() - begunAt;
      if (outcome === 'ok' && tookMs < leastMs) return;
      const text = `${service}.${method}: ${outcome}, ${Math.round(tookMs)} ms`;
      const lineLevel = USUAL.has(outcome) ? level : 'warn';
      if (error === undefined) lines.log(lineLevel, text);
      else lines.log(lineLevel, text, toError(error));
    };
    return watchedCall(call, next, ended);
  };
}
