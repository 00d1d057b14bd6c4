import type { Channel, WriteFuture } from '../contract.ts';
import { isHeadraceError } from '../errors.ts';
import { SettableFuture } from '../future/settable-future.ts';

/**
 * Returns the future of a write to one of many receivers, or a success if the receiver is passed over because its output had ended
 * before the write, or the receiver had closed. Such a receiver leaves soon, or has left before a long broadcast reached it. A
 * server that is drained often writes to such receivers.
 */
export function passedOver(channel: Channel, future: WriteFuture): WriteFuture {
  if (!future.isSettled || future.isSuccess || !channel.isEnding) return future;
  const { error } = future;
  const hasLeft = !channel.isOpen && isHeadraceError(error, 'CHANNEL_CLOSED');
  return hasLeft || isPassedOver(channel, error) ? SettableFuture.succeeded() : future;
}

/** Returns true if a write failed only because the output of the receiver has ended. */
export function isPassedOver(channel: Channel, error: Error | undefined): boolean {
  return channel.isEnding && isHeadraceError(error, 'OUTPUT_SHUTDOWN');
}
