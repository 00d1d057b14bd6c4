import { ChannelError, isHeadraceError } from '@headrace/core';
import { requestLost } from '@headrace/handlers/call';

/** Creates the error of a closed client. */
export function closedError(): ChannelError {
  return new ChannelError('CHANNEL_CLOSED', 'the client is closed', { sent: false });
}

/** Creates the error of a call during which several connections were lost. */
export function lostAgain(error: Error, losses: number): Error {
  return requestLost(`${losses} connections in a row were lost during this call`, true, error);
}

/** Creates the error of a notice: `REQUEST_LOST` for a lost connection, otherwise the connection's error. */
export function noticeError(error: Error, mayHaveLeft: boolean): Error {
  if (!(error instanceof ChannelError) || isHeadraceError(error, 'REQUEST_LOST')) return error;
  return requestLost('the connection was lost before the notice was sent', mayHaveLeft, error);
}
