import type { Context, Direction, Handler } from '../contract.ts';
import { isDrainEvent } from '../drain/drain-mark.ts';
import { INACTIVE, KeptEvent } from './kept-event.ts';
import type { KeptInput } from './kept-input.ts';

/**
 * The inbound events of a handler that may keep input: they pass by until there is a {@link KeptInput}, which then receives every
 * event. The class only names the type, so that a page loads `KeptInput` only with a handler that makes one. Extend
 * {@link KeptInputHandler} instead, unless your handler rarely keeps input.
 */
export abstract class KeptInputRouting implements Handler {
  /** Kept input, `undefined` before its first use. */
  protected madeKept: KeptInput | undefined = undefined;

  /** Kept input, created at its first use. */
  protected get kept(): KeptInput {
    this.madeKept ??= this.makeKept();
    return this.madeKept;
  }

  /** Whether input is kept or is being delivered. */
  protected get isKeeping(): boolean {
    return this.madeKept?.isBusy === true;
  }

  /** Creates the kept input. Called once, at its first use. */
  protected abstract makeKept(): KeptInput;

  /**
   * Passes on the end of the input when no input is kept. A handler that acts at the end must also do so in the step `event`.
   */
  protected passEnd(ctx: Context, end: KeptEvent): void {
    end.fire(ctx);
  }

  handlerRemoved(ctx: Context): void {
    this.madeKept?.handlerRemoved(ctx);
  }

  abstract channelRead(ctx: Context, message: unknown): void;

  channelReadComplete(ctx: Context): void {
    if (this.madeKept === undefined) ctx.fireChannelReadComplete();
    else this.madeKept.channelReadComplete(ctx);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    // A drain also waits for messages that are kept after it started.
    if (this.madeKept === undefined && !isDrainEvent(event)) {
      ctx.fireUserEventTriggered(event);
    } else this.kept.userEventTriggered(ctx, event);
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    if (this.madeKept === undefined) this.passEnd(ctx, new KeptEvent('channelShutdown', direction));
    else this.madeKept.channelShutdown(ctx, direction);
  }

  channelInactive(ctx: Context): void {
    if (this.madeKept === undefined) this.passEnd(ctx, INACTIVE);
    else this.madeKept.channelInactive(ctx);
  }

  channelUnregistered(ctx: Context): void {
    if (this.madeKept === undefined) ctx.fireChannelUnregistered();
    else this.madeKept.channelUnregistered(ctx);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    if (this.madeKept === undefined) ctx.fireExceptionCaught(error);
    else this.madeKept.exceptionCaught(ctx, error);
  }
}
