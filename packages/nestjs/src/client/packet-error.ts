import { ChannelError, RejectedError, TimedOutError } from '@headrace/core';

/** The connection is gone; `sent` is false only if nothing of the packet can have left. */
export function packetLost(why: string, sent: boolean, cause?: unknown): ChannelError {
  const outcome = sent
    ? 'the server may have worked on the packet'
    : 'nothing of the packet has been sent';
  return new ChannelError('REQUEST_LOST', `${why}: ${outcome}`, { sent }, cause);
}

/** No connection, or no answer, in time; `cause` is why there is no connection. */
export function packetTimedOut(timeoutMs: number, sent: boolean, cause?: unknown): TimedOutError {
  const where = sent ? '' : ', it was not sent';
  const text = `no answer within ${timeoutMs} ms${where}`;
  return new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs, sent }, cause);
}

export function queueFull(maxQueued: number): RejectedError {
  return new RejectedError(
    'REJECTED_QUEUE',
    `${maxQueued} requests and events wait to be sent, no more may by maxQueued (${maxQueued})`,
    { maxQueued, sent: false },
  );
}

export function clientClosed(cause?: unknown): ChannelError {
  return packetLost('the client is closed', false, cause);
}

export function signInRefused(): RejectedError {
  return new RejectedError('REJECTED_AUTH', 'the server refused the credentials of this client');
}
