import { ChannelError, isHeadraceError } from '@headrace/core';
import { requestLost } from '@headrace/handlers/call';

/** The client is closed. */
export function closedError(): ChannelError {
  return new ChannelError('CHANNEL_CLOSED', 'the client is closed', { sent: false });
}

/** The error of a notification: of a lost connection as of a call, or what the connection gave. */
export function noticeError(error: Error, mayHaveLeft: boolean): Error {
  if (!(error instanceof ChannelError) || isHeadraceError(error, 'REQUEST_LOST')) return error;
  return requestLost('the connection was lost before the notice was sent', mayHaveLeft, error);
}
