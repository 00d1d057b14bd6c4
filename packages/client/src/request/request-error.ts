import { ChannelError, isHeadraceError, RejectedError, TimedOutError } from '@headrace/core';

/** The client is closed. */
export function closedError(): ChannelError {
  return new ChannelError('CHANNEL_CLOSED', 'the client is closed', { sent: false });
}

/** No connection came in time. */
export function timedOut(timeoutMs: number): TimedOutError {
  const text = `no connection for the request within ${timeoutMs} ms`;
  return new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs, sent: false });
}

/** Its signal aborted while it waited. */
export function aborted(signal: AbortSignal): ChannelError {
  const text = 'the request was cancelled by its signal';
  return new ChannelError('OPERATION_ABORTED', text, { sent: false }, signal.reason);
}

/** Too many wait. */
export function tooMany(maxWaiting: number): RejectedError {
  const text = `${maxWaiting} requests wait for a connection, no more may by maxWaiting`;
  return new RejectedError('REJECTED_QUEUE', text, { maxWaiting, sent: false });
}

/** What a notification fails with: of a lost connection as a call does, of anything else with that error. */
export function noticeError(error: Error, mayHaveLeft: boolean): Error {
  if (!(error instanceof ChannelError) || isHeadraceError(error, 'REQUEST_LOST')) return error;
  const outcome = mayHaveLeft ? 'the peer may have it' : 'nothing of it has been sent';
  const text = `the connection of a notification was lost: ${outcome}`;
  return new ChannelError('REQUEST_LOST', text, { sent: mayHaveLeft }, error);
}

/** What a call fails with that was not sent, after an earlier try of it that was: the same, with `sent` true. */
export function afterSent(error: unknown): unknown {
  if (!isHeadraceError(error) || error.details['sent'] !== false) return error;
  const { code, message } = error;
  const text = `${message} (an earlier try was lost: the peer may have executed it)`;
  const details = { ...error.details, sent: true };
  if (code === 'HR_ERR_TIMEOUT_REQUEST') {
    return new TimedOutError('TIMEOUT_REQUEST', text, details, error);
  }
  if (code === 'HR_ERR_REJECTED_QUEUE') {
    return new RejectedError('REJECTED_QUEUE', text, details, error);
  }
  if (code === 'HR_ERR_CHANNEL_CLOSED') {
    return new ChannelError('CHANNEL_CLOSED', text, details, error);
  }
  if (code === 'HR_ERR_OPERATION_ABORTED') {
    return new ChannelError('OPERATION_ABORTED', text, details, error);
  }
  return new ChannelError('REQUEST_LOST', text, details, error);
}

/** True if something of it may have left. */
export function wasSent(error: unknown): boolean {
  return isHeadraceError(error) && error.details['sent'] === true;
}
