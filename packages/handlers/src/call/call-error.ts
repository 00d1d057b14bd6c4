import { ChannelError, isHeadraceError, RejectedError, TimedOutError } from '@headrace/core';

/** Makes the error of a call whose connection is lost. `sent` is false only if no byte of the call can have left. */
export function requestLost(why: string, sent: boolean, cause?: unknown): ChannelError {
  const outcome = sent
    ? 'the peer may have executed the request'
    : 'nothing of the request has been sent';
  return new ChannelError('REQUEST_LOST', `${why}: ${outcome}`, { sent }, cause);
}

/** Makes the error of a call that finds the queue full. `option` is the name of the limit. */
export function queueFull(limit: number, option = 'maxQueued'): RejectedError {
  return new RejectedError(
    'REJECTED_QUEUE',
    `${limit} requests wait to be sent, which is the limit ${option} (${limit}): send fewer requests, or raise the limit`,
    { [option]: limit, sent: false },
  );
}

/**
 * Makes the error of a call whose deadline has passed.
 *
 * @param loss - the error of the last try to connect, if there is no connection
 */
export function requestTimedOut(
  timeoutMs: number,
  sent: boolean,
  isOffline = false,
  loss?: Error,
): TimedOutError {
  const why = loss === undefined ? '' : `: ${loss.message}`;
  const text = isOffline
    ? `no connection for the request within ${timeoutMs} ms${why}`
    : `no answer within ${timeoutMs} ms${sent ? '' : ', it was not sent'}`;
  return new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs, sent }, loss);
}

/** Makes the error of a call whose signal aborted. */
export function requestAborted(signal: AbortSignal, sent: boolean): ChannelError {
  const text = 'the request was cancelled by its signal';
  return new ChannelError('OPERATION_ABORTED', text, { sent }, signal.reason);
}

/** Returns a copy of an error with `sent` true, for a call whose last try was not sent, but an earlier try was. */
export function afterSent(error: unknown): unknown {
  if (!isHeadraceError(error) || error.details['sent'] !== false) return error;
  const kinds = [TimedOutError, RejectedError] as const;
  const kind = kinds.find((one) => error instanceof one) ?? ChannelError;
  const text = `${error.message} (an earlier try was lost: the peer may have executed it)`;
  const code = error.code.replace('HR_ERR_', '');
  return new kind(code as never, text, { ...error.details, sent: true }, error);
}

/** Returns true if a part of the call may have left. */
export function wasSent(error: unknown): boolean {
  return isHeadraceError(error) && error.details['sent'] === true;
}
