import type { Context } from '@headrace/core';
import { KeptInputHandler, type KeptInputSteps } from '@headrace/core/authoring';

/**
 * A handler for the kept messages of a removed handler, in whose place it stands. It passes the messages on while reads are not
 * held, then the messages that arrive meanwhile, and removes itself.
 */
export class KeptMessages extends KeptInputHandler {
  private readonly messages: unknown[];

  /** @param messages - the messages, the oldest first. The array is emptied */
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
