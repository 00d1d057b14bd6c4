import { type Channel, ChannelError, type CloseReason, isHeadraceError } from '@headrace/core';
import { isPeerLeaving, markExpected } from '@headrace/core/authoring';

/**
 * Kind of a failed try or a lost connection.
 *
 * - `refused`: no process listens at the place, or a filter refused the connection
 * - `timeout`: no connection, or no input or output, within the time limit
 * - `unreachable`: no route exists, the name is unknown, or the network ended the connection
 * - `reset`: the peer reset the connection, as the kernel does for a process that died
 * - `peer`: the peer ended the connection
 * - `heartbeat`: the peer did not answer a heartbeat
 * - `ready`: the function `ready` rejected, or exceeded its time limit, before the channel closed
 * - `moved`: the end was planned and announced. A handler closed the channel with the reason `moved`, at the server's request, or
 *   the server's protocol said that it leaves, for example by the WebSocket close code 1001; the client tries again at once
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

/** A failed try, or a lost connection. */
export interface Loss<P = unknown> {
  readonly kind: LossKind;
  /**
   * Phase in which the loss happened: before the connect succeeded, while `ready` ran, or after it. If a server refuses a
   * client by a close, the phase is `readying`, and {@link kind} is the kind of the close.
   */
  readonly during: 'connecting' | 'readying' | 'online';
  /** Place of the connection; `undefined` if none was found. */
  readonly place: P | undefined;
  readonly error: Error;
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

/** @internal Creates the loss of a failed connect. */
export function failedConnect<P>(error: Error, place: P | undefined): Loss<P> {
  markExpected(error);
  return { kind: kindOfError(error), during: 'connecting', place, error, reason: undefined };
}

/** @internal Creates the error of a try that ends because the page enters the back/forward cache, where no code runs. */
export function keptPage(): ChannelError {
  const reason = 'local';
  return new ChannelError('CHANNEL_CLOSED', 'the page went to the back/forward cache', { reason });
}

/**
 * @internal Converts an option error of a place outside the configuration to a channel error. A later answer, or a later MOVE,
 * can name a better place.
 */
export function repairable(error: Error): Error {
  if (!isOptionError(error)) return error;
  const text = `a place that the client was given is not valid: ${error.message}`;
  return new ChannelError('CHANNEL_FAILED', text, {}, error);
}

/** @internal Returns true for an option error. A later try would fail in the same way. */
export function isOptionError(error: Error): boolean {
  return isHeadraceError(error) && error.code.startsWith('HR_ERR_OPTION_');
}

/** @internal Creates the loss of a failed `ready`. */
export function failedReady<P>(error: Error, place: P): Loss<P> {
  markExpected(error);
  return { kind: 'ready', during: 'readying', place, error, reason: undefined };
}

/** @internal Creates the loss of a closed channel. */
export function closedChannel<P>(
  channel: Channel,
  place: P,
  during: 'readying' | 'online',
): Loss<P> {
  const { reason = 'error', error } = channel.closeInfo ?? {};
  const when = during === 'readying' ? ' before `ready`' : '';
  const text = `the connection was lost${when} (${reason})`;
  const kind = SAME.has(reason) ? (reason as LossKind) : 'error';
  return {
    kind: isPeerLeaving(channel) ? 'moved' : kind,
    during,
    place,
    error: error ?? new ChannelError('CHANNEL_CLOSED', text, { reason }),
    reason,
  };
}

/** @internal Creates the loss of a connection that its server ends when the work on it is done. */
export function leavingServer<P>(place: P): Loss<P> {
  const text = 'the server is about to end the connection, and takes no more work';
  const error = new ChannelError('CHANNEL_CLOSED', text, { reason: 'moved' });
  return { kind: 'moved', during: 'online', place, error, reason: undefined };
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
