import { type Channel, TimedOutError } from '@headrace/core';

/** For a connection that comes too late. */
export function closeLate(channel: Channel): void {
  channel.close();
}

/** The error of a connect that took too long. */
export function connectTimedOut(where: string, timeoutMs: number): TimedOutError {
  return new TimedOutError('TIMEOUT_CONNECT', `no connection to ${where} within ${timeoutMs} ms`, {
    timeoutMs,
  });
}
