import {
  ChannelError,
  type Context,
  type Handler,
  type Timer,
  type WriteFuture,
} from '@headrace/core';
import { PendingWriteQueue } from '@headrace/core/authoring';

/** As the channel's own limit for output that does not move. */
const STALL_MS = 10_000;

/**
 * Holds all output, as a peer that has stopped reading does: it counts towards the channel's writability, and
 * after ten seconds in which something waits the channel is closed as a slow consumer. A browser cannot stop
 * reading a WebSocket, so the server plays this part for it.
 *
 * - **Place** after the codec; output of handlers before it still gets out.
 */
export class StalledOutputHandler implements Handler {
  private queue: PendingWriteQueue | undefined = undefined;
  private timer: Timer | undefined = undefined;

  handlerAdded(ctx: Context): void {
    this.queue = new PendingWriteQueue(ctx);
  }

  handlerRemoved(): void {
    this.giveUp();
  }

  write(ctx: Context, message: unknown): WriteFuture {
    this.timer ??= ctx.clock.schedule(() => ctx.close('slow-consumer'), STALL_MS);
    return this.queue!.add(message);
  }

  channelInactive(ctx: Context): void {
    this.giveUp();
    ctx.fireChannelInactive();
  }

  private giveUp(): void {
    this.timer?.cancel();
    if (this.queue?.isEmpty !== false) return;
    this.queue.removeAndFailAll(new ChannelError('CHANNEL_CLOSED', 'the peer did not read'));
  }
}
