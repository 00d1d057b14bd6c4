import { type Logger, systemClock } from '@headrace/core';
import { RepeatLimit } from '@headrace/core/authoring';

/** A scraper or a probe asks again and again. The log has each failure once in this time, and the number of the others. */
const LIMIT = { maxLines: 1, periodMs: 60_000, clock: systemClock };

/** Returns a function that logs the error of a function of the application, for a server whose answers do not reveal it. */
export function failureLog(logger: Logger): (text: string, error: Error) => void {
  const limit = new RepeatLimit({ ...LIMIT, report: (line) => logger.log('warn', line) });
  return (text, error) => {
    if (limit.passes(`${text}: ${error.message}`)) logger.log('error', text, error);
  };
}
