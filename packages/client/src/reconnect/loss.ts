import { type Channel, ChannelError, type CloseReason, isHeadraceError } from '@headrace/core';

/**
 * Why a try failed or a connection was lost.
 *
 * - `refused`: no process listens there, or a filter refused the connection
 * - `timeout`: no connection, or nothing read or written, in time
 * - `unreachable`: there is no route, the name is unknown, or the network gave the connection up
 * - `reset`: the peer reset the connection, as a kernel does for a process that died
 * - `peer`: the peer ended the connection
 * - `heartbeat`: the peer did not answer
 * - `ready`: the function `ready` rejected, or took too long
 * - `moved`: a handler closed the channel with the reason `moved`, because the server asked for it
 * - `error`: all other reasons; {@link Loss.reason} and {@link Loss.error} have the details
 */
export type LossKind =
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'reset'
  | 'peer'
  | 'heartbeat'
  | 'ready'
  | 'moved'
  | 'error';

/** A try that failed, or a connection that was lost. */
export interface Loss<P = unknown> {
  readonly kind: LossKind;
  /** The phase in which the loss happened. */
  readonly during: 'connecting' | 'readying' | 'online';
  /** The place; `undefined` if none was found. */
  readonly place: P | undefined;
  readonly error: Error;
  /** The reason why the channel closed, if there was one. */
  readonly reason: CloseReason | undefined;
}

const SAME: ReadonlySet<string> = new Set([
  'refused',
  'timeout',
  'unreachable',
  'reset',
  'peer',
  'heartbeat',
  'moved',
]);

const UNREACHABLE = new Set([
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);

/** @internal A connect that failed. */
export function failedConnect<P>(error: Error, place: P | undefined): Loss<P> {
  return { kind: kindOfError(error), during: 'connecting', place, error, reason: undefined };
}

/** @internal The error of a try that is dropped because nothing runs in a page of the back/forward cache. */
export function keptPage(): ChannelError {
  const reason = 'local';
  return new ChannelError('CHANNEL_CLOSED', 'the page went to the back/forward cache', { reason });
}

/** @internal The error of a place that was not configured: the next answer, or the next MOVE, may name a better one. */
export function repairable(error: Error): Error {
  if (!isOptionError(error)) return error;
  const text = `a place that the client was given is not valid: ${error.message}`;
  return new ChannelError('CHANNEL_FAILED', text, {}, error);
}

/** @internal No later try would end otherwise. */
export function isOptionError(error: Error): boolean {
  return isHeadraceError(error) && error.code.startsWith('HR_ERR_OPTION_');
}

/** @internal The function `ready` failed. */
export function failedReady<P>(error: Error, place: P): Loss<P> {
  return { kind: 'ready', during: 'readying', place, error, reason: undefined };
}

/** @internal A channel that has closed. */
export function closedChannel<P>(
  { closeInfo }: Channel,
  place: P,
  during: 'readying' | 'online',
): Loss<P> {
  const { reason = 'error', error } = closeInfo ?? {};
  const text = `the connection was lost (${reason})`;
  return {
    kind: SAME.has(reason) ? (reason as LossKind) : 'error',
    during,
    place,
    error: error ?? new ChannelError('CHANNEL_CLOSED', text, { reason }),
    reason,
  };
}

function kindOfError(error: Error): LossKind {
  if (isHeadraceError(error, 'CHANNEL_REFUSED')) return 'refused';
  if (isHeadraceError(error, 'CHANNEL_RESET')) return 'reset';
  if (isHeadraceError(error) && error.code.startsWith('HR_ERR_TIMEOUT_')) return 'timeout';
  const { details, cause } = error as ChannelError;
  const code = details?.['code'] ?? (cause as NodeJS.ErrnoException | undefined)?.code;
  if (typeof code === 'string' && UNREACHABLE.has(code)) return 'unreachable';
  const reason = details?.['reason'];
  return typeof reason === 'string' && SAME.has(reason) ? (reason as LossKind) : 'error';
}
