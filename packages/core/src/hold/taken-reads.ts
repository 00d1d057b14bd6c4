import type { Context } from '../contract.ts';

/**
 * Asks for the next read in place of the application, because a handler has taken what was read. With `autoRead` off, the application
 * has asked for a message, and waits until one arrives: a handler that drops, answers or combines messages calls this function when
 * none of a burst was passed on ({@link TakenReads}). A handler that is shared by channels calls it for each message that it takes.
 */
export function readOn(ctx: Context): void {
  const { channel } = ctx;
  if (!channel.autoRead && !channel.isEnding) ctx.read();
}

/**
 * What a handler does with the messages of a burst. If it takes all of them, {@link readOn} follows. The handler calls `took` or
 * `passed` for each message, and `complete` in `channelReadComplete`, before it passes that on. Decoders do this themselves.
 */
export class TakenReads {
  private hasTaken = false;
  private hasPassed = false;

  /** Notes that a message ends in this handler. */
  took(): void {
    this.hasTaken = true;
  }

  /** Notes that a message was passed on, or is kept and passed on later. */
  passed(): void {
    this.hasPassed = true;
  }

  /** Ends the burst. */
  complete(ctx: Context): void {
    const wantsMore = this.hasTaken && !this.hasPassed;
    this.hasTaken = this.hasPassed = false;
    if (wantsMore) readOn(ctx);
  }
}
