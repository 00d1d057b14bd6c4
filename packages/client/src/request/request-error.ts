import { ChannelError, isHeadraceError, RejectedError, TimedOutError } from '@headrace/core';
import { requestLost } from '@headrace/handlers/call';

/** The client is closed. */
export function closedError(): ChannelError {
  return new ChannelError('CHANNEL_CLOSED', 'the client is closed', { sent: false });
}

/** The error of a notification: of a lost connection as of a call, or what the connection gave. */
export function noticeError(error: Error, mayHaveLeft: boolean): Error {
  if (!(error instanceof ChannelError) || isHeadraceError(error, 'REQUEST_LOST')) return error;
  return requestLost('the connection of a notification was lost', mayHaveLeft, error);
}

/** The error of a call that was not sent, after an earlier try of it that was: the same, with `sent` true. */
export function afterSent(error: unknown): unknown {
  if (!isHeadraceError(error) || error.details['sent'] !== false) return error;
  const kinds = [TimedOutError, RejectedError] as const;
  const kind = kinds.find((one) => error instanceof one) ?? ChannelError;
  const text = `${error.message} (an earlier try was lost: the peer may have executed it)`;
  const code = error.code.replace('HR_ERR_', '');
  return new kind(code as never, text, { ...error.details, sent: true }, error);
}

/** True if something of it may have left. */
export function wasSent(error: unknown): boolean {
  return isHeadraceError(error) && error.details['sent'] === true;
}
