import { ChannelError, EncodeError } from '../errors.ts';

export function abortedError(signal: AbortSignal): ChannelError {
  return new ChannelError(
    'OPERATION_ABORTED',
    'the write was cancelled before it was flushed',
    {},
    signal.reason,
  );
}

export function notEncodable(message: unknown, accepts: string): EncodeError {
  const type =
    typeof message === 'object' ? (message?.constructor?.name ?? 'object') : typeof message;
  return new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `the transport takes ${accepts}, but this reached it: ${type}: is an encoder missing?`,
    { type },
  );
}

export function outboundFull(pendingBytes: number, maxOutboundBytes: number): ChannelError {
  return new ChannelError(
    'OUTBOUND_FULL',
    `${pendingBytes} bytes of output wait, more than maxOutboundBytes (${maxOutboundBytes}): the peer reads too slowly; stop writing while isWritable is false, or raise the limit`,
    { pendingBytes, maxOutboundBytes },
  );
}

export function outputShutdown(): ChannelError {
  return new ChannelError('OUTPUT_SHUTDOWN', 'our half of the connection is shut down');
}
