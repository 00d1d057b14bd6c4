import type { Context, Direction, Handler } from '../contract.ts';
import { isDrainEvent } from '../drain/drain-mark.ts';
import { INACTIVE, KeptEvent } from './kept-event.ts';
import { KeptInput, type KeptInputSteps } from './kept-input.ts';

/**
 * The base class of handlers that keep input for later. Their {@link KeptInput}, which is created at its first use, receives
 * every inbound event from `channelRead` on.
 *
 * @example
 * ```ts run
 * import type { Context } from '@headrace/core';
 * import { KeptInputHandler, type KeptInputSteps } from '@headrace/core/authoring';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * class NotBeforeNoon extends KeptInputHandler {
 *   #isNoon = false;
 *   protected override keptInputSteps(): KeptInputSteps {
 *     return { mayPass: () => this.#isNoon };
 *   }
 *   noon(ctx: Context): void {
 *     this.#isNoon = true;
 *     this.kept.deliver(ctx);
 *   }
 * }
 *
 * const handler = new NotBeforeNoon();
 * const channel = new EmbeddedChannel(handler);
 * channel.writeInbound('a', 'b');
 * console.log(channel.readInbound());
 * // prints undefined
 * channel.run(() => handler.noon(channel.pipeline.firstContext()!));
 * console.log(channel.readInbound(), channel.readInbound());
 * // prints a b
 * ```
 */
export abstract class KeptInputHandler implements Handler {
  /** Kept input, `undefined` before its first use. */
  protected madeKept: KeptInput | undefined = undefined;

  /** Kept input, created at its first use. */
  protected get kept(): KeptInput {
    this.madeKept ??= new KeptInput(this.keptInputSteps());
    return this.madeKept;
  }

  /** Whether input is kept or is being delivered. */
  protected get isKeeping(): boolean {
    return this.madeKept?.isBusy === true;
  }

  /** Returns the steps of the handler. Called once, at the first use of the kept input. */
  protected keptInputSteps(): KeptInputSteps {
    return {};
  }

  /**
   * Passes on the end of the input when no input is kept. A handler that acts at the end must also do so in the step `event`.
   */
  protected passEnd(ctx: Context, end: KeptEvent): void {
    end.fire(ctx);
  }

  handlerRemoved(ctx: Context): void {
    this.madeKept?.handlerRemoved(ctx);
  }

  channelRead(ctx: Context, message: unknown): void {
    this.kept.channelRead(ctx, message);
  }

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
