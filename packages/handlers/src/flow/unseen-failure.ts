import { type Channel, isHeadraceError, type SettableFuture } from '@headrace/core';

/**
 * Fails a future that a handler made itself, and logs the failure if nobody looks at it until the current
 * event is through: no failed write vanishes.
 */
export function failVisibly(channel: Channel, future: SettableFuture, error: Error): void {
  future.fail(error);
  if (future.isObserved) return;
  channel.clock.execute(() => {
    if (future.isObserved) return;
    // What was queued when the peer left is no news, as in the core.
    const level = isHeadraceError(error, 'CHANNEL_CLOSED') ? 'debug' : 'warn';
    channel.logger.log(level, `${channel} a held write failed and nobody looked at it`, error);
  });
}
