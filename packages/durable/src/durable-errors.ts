import { ERROR_PAGE, errorCodes } from '@headrace/core';

/** The codes of the errors that only this package raises. `docs/errors.md` explains each code. */
export const DURABLE_ERRORS = errorCodes('HR_ERR_', ERROR_PAGE, {
  STATE_CONFLICT: ['ChannelError', 'a key of a state group does not have the expected version'],
  STATE_NOT_READ: ['ChannelError', 'the getState function of a state group failed'],
  STATE_KEYS_FULL: ['RejectedError', 'a state group has its maximum number of keys'],
  STATE_BYTES_FULL: ['RejectedError', 'a state group has its maximum size'],
  STATE_RATE: ['RejectedError', 'a node changes a state group too often'],
});

/**
 * Maximum number of calls of the application that wait for one log or one state, of each kind. An application can make such a call for
 * each message of a peer.
 */
export const MAX_WAITING = 16_384;

/** The end of the text of an error for a call too many. */
export const TOO_MANY_WAIT = `has ${MAX_WAITING} calls that wait for it already`;

/** The end of the text of an error after `Cluster.leave`. */
export const WAS_LEFT = 'cannot be used, because the cluster was left';
