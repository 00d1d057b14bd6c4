import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** The codes of the errors that only this package raises. `docs/errors.md` explains each code. */
export const GATEWAY_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  GATEWAY_FAILED: ['ChannelError', 'a gateway failed at a command about its connections'],
});
