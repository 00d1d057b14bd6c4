import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** Error codes that only this package raises. `docs/errors.md` explains each code. */
export const CLIENT_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  RECONNECT_GIVEN_UP: ['ChannelError', 'the client has stopped trying to connect, see the cause'],
  PLACE_REFUSED: ['ChannelError', 'a client was sent to a place less secure than the one in use'],
  POOL_CLOSED: ['ChannelError', 'the pool of connections is closed'],
  TIMEOUT_READY: ['TimedOutError', 'a new connection was not ready in time'],
  TIMEOUT_ACQUIRE: ['TimedOutError', 'the pool had no connection in time'],
});
