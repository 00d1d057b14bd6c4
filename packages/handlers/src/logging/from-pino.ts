import { isHeadraceError, type Logger, type LogLevel } from '@headrace/core';
import { checkMethod } from '@headrace/core/authoring';

/** The part of a `pino` logger that {@link fromPino} uses. Loggers with the same methods, such as bunyan's, can also be used. */
export type PinoLike = {
  readonly [Level in LogLevel]: (fields: object, message: string) => void;
};

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/**
 * Adapts a `pino` logger to the option `logger` of a bootstrap, a client or others. An error is written as pino's field `err`.
 * For an error of Headrace, `code` and `details` are also fields. The level of the pino logger decides which lines are written.
 *
 * @throws OptionError (OPTION_INVALID) for a value that is not a logger
 *
 * @example
 * ```ts run
 * import { fromPino } from '@headrace/handlers';
 *
 * const print = (fields: object, message: string) => console.log(message, Object.keys(fields));
 * // import pino from 'pino'; const logger = fromPino(pino());
 * const logger = fromPino({ debug: print, info: print, warn: print, error: print });
 * logger.log('warn', 'it is full', new Error('no room'));
 * // prints it is full [ 'err' ]
 * ```
 */
export function fromPino(pino: PinoLike): Logger {
  for (const level of LEVELS) checkMethod('pino', pino, level, 'a logger of pino');
  return {
    log(level, message, error) {
      try {
        pino[level](error === undefined ? {} : fieldsOf(error), message);
      } catch (thrown) {
        // pino marks errors while it prints them. A frozen error makes it throw, and the line would be lost.
        pino[level]({ unprintable: String((thrown as Error)?.message) }, message);
      }
    },
  };
}

function fieldsOf(error: Error): object {
  if (!isHeadraceError(error)) return { err: error };
  return { err: error, code: error.code, details: error.details };
}
