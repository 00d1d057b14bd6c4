import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** Error codes that only this package raises. `docs/errors.md` explains each code. */
export const LASTING_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  RESUME_GONE: [
    'ChannelError',
    'a lasting channel cannot go on: its other end does not have it any more',
  ],
  MESSAGE_REFUSED: [
    'ChannelError',
    'the same message of a lasting channel ended several links in a row',
  ],
  HAND_OVER_FAILED: [
    'ChannelError',
    'a lasting channel did not go into the log for another process, and stays where it is',
  ],
});
