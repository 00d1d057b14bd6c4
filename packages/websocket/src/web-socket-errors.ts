import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** Error codes that only this package raises. `docs/errors.md` explains each code. */
export const WEB_SOCKET_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  TUNNEL_BUFFERED: ['ChannelError', 'a proxy holds back the answer that carries the messages'],
  TUNNEL_ELSEWHERE: ['ChannelError', 'the requests of one tunnel reach different servers'],
  REJECTED_ORIGIN: ['RejectedError', 'a page of a foreign site asked for a WebSocket'],
});
