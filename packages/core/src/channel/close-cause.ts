import { withoutStack } from '../call/without-stack.ts';
import type { CloseInfo, CloseReason } from '../contract/connection.ts';
import {
  ChannelError,
  DecodeError,
  isHeadraceError,
  RejectedError,
  TimedOutError,
  toError,
} from '../errors.ts';
import { CONNECT_WORDS } from './connect-words.ts';

const UNREACHABLE = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ENETDOWN', 'EHOSTDOWN']);

/** Returns the system's code of an error (`ECONNRESET`), even if a Headrace error wraps the system's error. */
function systemCode(error: Error): string | undefined {
  const holder = error instanceof ChannelError ? error.cause : error;
  try {
    const code = (holder as NodeJS.ErrnoException | null | undefined)?.code;
    return typeof code === 'string' ? code : undefined;
  } catch {
    // A cause can be any value that was thrown.
    return undefined;
  }
}

/**
 * Returns the Headrace error for an error of the transport: a reset, a refusal, or any other failure. Node's error is
 * its cause.
 */
export function transportError(reported: Error): Error {
  const error = toError(reported);
  if (isHeadraceError(error)) return error;
  const code = systemCode(error);
  const text = error.message || code || error.name;
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    const reset = `the peer reset the connection (${text})`;
    return withoutStack(() => new ChannelError('CHANNEL_RESET', reset, { code }, error));
  }
  if (code === 'ECONNREFUSED') {
    return new ChannelError('CHANNEL_REFUSED', `nobody listens there (${text})`, { code }, error);
  }
  const what = CONNECT_WORDS[code ?? ''] ?? 'the transport failed';
  return new ChannelError('CHANNEL_FAILED', `${what} (${text})`, { code }, error);
}

/** Returns the close information of a channel that this error closed. */
export function causeOf(error: Error): CloseInfo {
  const code = systemCode(error);
  if (code === 'ECONNRESET' || code === 'EPIPE') return { reason: 'reset', by: 'peer', error };
  if (code !== undefined && UNREACHABLE.has(code))
    return { reason: 'unreachable', by: 'network', error };
  if (error instanceof DecodeError) return { reason: 'bad-input', by: 'peer', error };
  if (error instanceof TimedOutError) return { reason: 'timeout', by: 'local', error };
  if (error instanceof RejectedError) return { reason: 'refused', by: 'local', error };
  return { reason: 'error', by: error instanceof ChannelError ? 'network' : 'local', error };
}

export function closedError(reason: CloseReason, cause: Error | undefined): ChannelError {
  return new ChannelError('CHANNEL_CLOSED', `the channel is closed (${reason})`, { reason }, cause);
}
