import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** The codes of the errors that only this package raises. `docs/errors.md` explains each code. */
export const DURABLE_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  STATE_CONFLICT: ['ChannelError', 'a key of a state group does not have the expected version'],
  STATE_NOT_READ: ['ChannelError', 'the getState function of a state group failed'],
  STATE_KEYS_FULL: ['RejectedError', 'a state group has its maximum number of keys'],
  STATE_BYTES_FULL: ['RejectedError', 'a state group has its maximum size'],
  STATE_RATE: ['RejectedError', 'a node changes a state group too often'],
});

/** The end of the text of an error after `Cluster.leave`. */
export const WAS_LEFT = 'cannot be used, because the cluster was left';
