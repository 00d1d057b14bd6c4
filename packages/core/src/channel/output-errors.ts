import { ChannelError, EncodeError } from '../errors.ts';

/** Returns the error of a write whose signal aborted before its flush. */
export function abortedError(signal: AbortSignal): ChannelError {
  return new ChannelError(
    'OPERATION_ABORTED',
    'the write was cancelled before it was flushed',
    {},
    signal.reason,
  );
}

/** Returns the error of a write of a message that the transport does not accept. */
export function notEncodable(message: unknown, accepts: string): EncodeError {
  const type =
    typeof message === 'object' ? (message?.constructor?.name ?? 'object') : typeof message;
  return new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `the transport takes ${accepts}, but this reached it: ${type}: is an encoder missing?`,
    { type },
  );
}

/** Returns the error of a write while too much output waits. */
export function outboundFull(pendingBytes: number, maxOutboundBytes: number): ChannelError {
  return new ChannelError(
    'OUTBOUND_FULL',
    `${pendingBytes} bytes of output wait, more than maxOutboundBytes (${maxOutboundBytes}): the peer reads too slowly; stop writing while isWritable is false, or raise the limit`,
    { pendingBytes, maxOutboundBytes },
  );
}

/** Returns the error of writes after the output half was shut down. */
export function outputShutdown(): ChannelError {
  return new ChannelError('OUTPUT_SHUTDOWN', 'our half of the connection is shut down');
}
