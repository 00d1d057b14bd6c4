import { type Context, SettableFuture, type WriteFuture } from '@headrace/core';

/** Writes that wait until the peer has authenticated. */
export class HeldWrites {
  private readonly waiting: { readonly message: unknown; readonly future: SettableFuture }[] = [];

  get size(): number {
    return this.waiting.length;
  }

  hold(message: unknown): WriteFuture {
    const future = new SettableFuture();
    this.waiting.push({ message, future });
    return future;
  }

  /** Writes them all; the caller flushes. */
  release(ctx: Context): void {
    for (const { message, future } of this.waiting.splice(0)) {
      ctx.write(message).onSettled((error) => {
        if (error === undefined) future.succeed();
        else future.fail(error);
      });
    }
  }

  fail(error: Error): void {
    for (const { future } of this.waiting.splice(0)) future.fail(error);
  }
}
