import type { Context, WriteFuture } from '@headrace/core';
import { onceAfterEvent } from '@headrace/core/authoring';

/**
 * A writer for the messages of calls and answers. Messages of one read are flushed together at its end. Other messages are
 * flushed after the current event.
 */
export class CallOutput {
  /** The context that messages are written from. */
  readonly ctx: Context;
  private hasBegun = false;
  private isReading = false;
  private isDirty = false;
  private readonly flushSoon = onceAfterEvent<Context>(() => {
    if (!this.isReading) this.flush();
  });

  constructor(ctx: Context) {
    this.ctx = ctx;
  }

  /** Whether the channel accepts writes, and no handler before this one holds `channelActive` back. */
  get isOpen(): boolean {
    const { ctx } = this;
    if (!ctx.channel.isActive || ctx.channel.isEnding) return false;
    // Asked once, because each message would ask all handlers.
    this.hasBegun ||= ctx.isActive;
    return this.hasBegun;
  }

  /** Whether the channel accepts writes and is writable. */
  get isWritable(): boolean {
    return this.isOpen && this.ctx.channel.isWritable;
  }

  /** Whether writes are refused now and forever. */
  get isOver(): boolean {
    const { channel } = this.ctx;
    return channel.isEnding || !channel.isOpen;
  }

  /** Writes a message. The flush follows soon. */
  write(message: unknown): WriteFuture {
    const future = this.ctx.write(message);
    this.isDirty = true;
    if (!this.isReading) this.flushSoon(this.ctx);
    return future;
  }

  /** Marks the beginning of a read. Call it when a message has arrived. */
  beginRead(): void {
    this.isReading = true;
  }

  /** Marks the end of a read, and flushes. */
  endRead(): void {
    this.isReading = false;
    this.flush();
  }

  private flush(): void {
    if (!this.isDirty) return;
    this.isDirty = false;
    this.ctx.flush();
  }
}
