import type { Context } from '../contract.ts';
import { KeptInput, type KeptInputSteps } from './kept-input.ts';
import { KeptInputRouting } from './kept-input-routing.ts';

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
export abstract class KeptInputHandler extends KeptInputRouting {
  protected makeKept(): KeptInput {
    return new KeptInput(this.keptInputSteps());
  }

  /** Returns the steps of the handler. Called once, at the first use of the kept input. */
  protected keptInputSteps(): KeptInputSteps {
    return {};
  }

  channelRead(ctx: Context, message: unknown): void {
    this.kept.channelRead(ctx, message);
  }
}
