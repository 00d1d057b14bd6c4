import { type Channel, ChannelError, type WriteFuture } from '@headrace/core';

/**
 * Returns the encode error of a message that was just written, or `undefined`. An encode error is known at once. The error of a
 * connection that accepts no more output is not an encode error.
 */
export function encodeErrorOf(channel: Channel, future: WriteFuture): Error | undefined {
  if (!future.isSettled || future.isSuccess || channel.isOutputShutdown) return undefined;
  const { error } = future;
  return error instanceof ChannelError ? undefined : error;
}
