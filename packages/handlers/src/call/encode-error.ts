import { type Channel, ChannelError, type WriteFuture } from '@headrace/core';

/**
 * Returns the error of a message that was just written and cannot be encoded. Returns `undefined` if no such error is known. An
 * encoder fails at once. Errors of a connection that accepts no more output are not encode errors.
 */
export function encodeErrorOf(channel: Channel, future: WriteFuture): Error | undefined {
  if (!future.isSettled || future.isSuccess || channel.isOutputShutdown) return undefined;
  const { error } = future;
  return error instanceof ChannelError ? undefined : error;
}
