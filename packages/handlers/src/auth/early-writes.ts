import { type Context, RejectedError, type WriteFuture } from '@headrace/core';
import { PendingWriteQueue } from '@headrace/core/authoring';
import type { AuthMachine } from './auth-machine.ts';

/** What handlers after an `AuthHandler` write before its peer has signed in. */
export class EarlyWrites {
  private queue: PendingWriteQueue | undefined = undefined;

  get size(): number {
    return this.queue?.size ?? 0;
  }

  /** Passes a write on, holds it or refuses it, as the machine decided. */
  write(ctx: Context, message: unknown, fate: ReturnType<AuthMachine['write']>): WriteFuture {
    if (fate === 'pass') return ctx.write(message);
    if (fate === 'hold') {
      this.queue ??= new PendingWriteQueue(ctx);
      return this.queue.add(message);
    }
    throw new RejectedError(
      'REJECTED_AUTH',
      fate === 'full'
        ? `${this.size} writes wait for the sign-in already (maxHeld); this one was refused`
        : 'the peer has not authenticated; earlyWrites refuses to write to it',
    );
  }

  send(): void {
    this.queue?.removeAndWriteAll();
  }

  fail(error: Error): void {
    this.queue?.removeAndFailAll(error);
  }
}
