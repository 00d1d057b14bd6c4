import { type ChannelError, RejectedError } from '@headrace/core';
import { requestLost } from '@headrace/handlers/call';

export function clientClosed(cause?: unknown): ChannelError {
  return requestLost('the client is closed', false, cause);
}

export function signInRefused(): RejectedError {
  return new RejectedError('REJECTED_AUTH', 'the server refused the credentials of this client');
}
