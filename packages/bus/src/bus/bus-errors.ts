import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** The codes of the errors that only this package raises. `docs/errors.md` explains each code. */
export const BUS_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  BUS_DOWN: ['ChannelError', 'the bus to the other processes of a cluster is down'],
});
