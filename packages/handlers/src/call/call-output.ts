import type { Context, WriteFuture } from '@headrace/core';
import { onceAfterEvent } from '@headrace/core/authoring';

/**
 * Writes the messages of calls and answers. Those of one read are flushed together at its end, others when the current
 * event is over.
 */
export class CallOutput {
  /** The place in the pipeline from which it writes. */
  readonly ctx: Context;
  private isReading = false;
  private isDirty = false;
  private readonly flushSoon = onceAfterEvent<Context>(() => {
    if (!this.isReading) this.flush();
  });

  constructor(ctx: Context) {
    this.ctx = ctx;
  }

  /** True if writes can go out. */
  get isOpen(): boolean {
    const { channel } = this.ctx;
    return channel.isActive && !channel.isEnding;
  }

  /** Writes go out soon. */
  get isWritable(): boolean {
    return this.isOpen && this.ctx.channel.isWritable;
  }

  /** Writes are refused, now and later. */
  get isOver(): boolean {
    const { channel } = this.ctx;
    return channel.isEnding || !channel.isOpen;
  }

  /** Writes a message; it is flushed soon. */
  write(message: unknown): WriteFuture {
    const future = this.ctx.write(message);
    this.isDirty = true;
    if (!this.isReading) this.flushSoon(this.ctx);
    return future;
  }

  /** Call it when a message came, at the beginning of its read. */
  beginRead(): void {
    this.isReading = true;
  }

  /** Call it when the read has ended: flushes. */
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
