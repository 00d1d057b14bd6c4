import { isHeadraceError, type Logger, type LogLevel } from '@headrace/core';
import { checkObject } from '@headrace/core/authoring';

/** The part of a `pino` logger that {@link fromPino} uses: loggers with the same methods, such as bunyan's, fit, too. */
export type PinoLike = {
  readonly [Level in LogLevel]: (fields: object, message: string) => void;
};

/**
 * A `pino` logger as the `logger` of a bootstrap, a client or a cluster. An error becomes pino's field `err`; of an
 * error of Headrace `code` and `details` are fields, too. pino's own level decides what is written.
 *
 * @throws OptionError (OPTION_INVALID) for what is no object
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
  checkObject('pino', pino, 'a logger of pino');
  return {
    log(level, message, error) {
      pino[level](error === undefined ? {} : fieldsOf(error), message);
    },
  };
}

function fieldsOf(error: Error): object {
  if (!isHeadraceError(error)) return { err: error };
  return { err: error, code: error.code, details: error.details };
}
