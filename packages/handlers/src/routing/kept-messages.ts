import type { Context } from '@headrace/core';
import { KeptInputHandler, type KeptInputSteps } from '@headrace/core/authoring';

/**
 * Messages that a handler had kept when it went. It stands in that handler's place, passes them on as far as reads are
 * not held, with what arrives meanwhile after them, and then removes itself.
 */
export class KeptMessages extends KeptInputHandler {
  private readonly messages: unknown[];

  /** @param messages - the oldest first; it is emptied */
  constructor(messages: unknown[]) {
    super();
    this.messages = messages;
  }

  protected override keptInputSteps(): KeptInputSteps {
    return {
      delivered: (ctx) => {
        if (this.kept.isEmpty && !ctx.isRemoved) ctx.pipeline.remove(this);
      },
    };
  }

  handlerAdded(ctx: Context): void {
    for (const message of this.messages.splice(0)) this.kept.keep(message);
    // Messages that are delivered later have a `channelReadComplete` of their own.
    this.kept.channelReadComplete(ctx);
    this.kept.deliver(ctx);
  }
}
