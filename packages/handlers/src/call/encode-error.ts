import { type Channel, ChannelError, type WriteFuture } from '@headrace/core';

/**
 * Why a message that was just written cannot be encoded, `undefined` if nothing is known of that: encoders fail at
 * once, and a connection that takes nothing more is another matter.
 */
export function encodeErrorOf(channel: Channel, future: WriteFuture): Error | undefined {
  if (!future.isSettled || future.isSuccess || channel.isOutputShutdown) return undefined;
  const { error } = future;
  return error instanceof ChannelError ? undefined : error;
}
