import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** The error codes that only this package raises. `docs/errors.md` explains each code. */
export const DATAGRAM_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  DATAGRAM_REFUSED: ['ChannelError', 'nobody listens at the recipient of a datagram'],
  DATAGRAM_UNREACHABLE: ['ChannelError', 'there is no route to the recipient of a datagram'],
  DATAGRAM_NOT_SENT: ['ChannelError', 'the system did not send a datagram, see the cause'],
  DATAGRAM_RECIPIENT: [
    'EncodeError',
    'a datagram was written to a recipient that its socket does not send to',
  ],
  REJECTED_AMPLIFICATION: [
    'RejectedError',
    'an answer is longer than what came from a peer that has not proved its address',
  ],
});
