import { type Channel, TimedOutError } from '@headrace/core';

/** Closes a connection that opened too late. */
export function closeLate(channel: Channel): void {
  channel.close();
}

/** Creates the error of a connect that timed out. */
export function connectTimedOut(where: string, timeoutMs: number): TimedOutError {
  return new TimedOutError('TIMEOUT_CONNECT', `no connection to ${where} within ${timeoutMs} ms`, {
    timeoutMs,
  });
}
