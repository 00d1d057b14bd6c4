import type { Context, Handler, Types } from '@headrace/core';
import { IdleStateEvent } from '@headrace/handlers';

/** Events of one connection. */
export interface LinkEvents {
  received(text: string): void;
}

/**
 * The end of the client's pipeline. Says PING when it has sent or heard nothing for a while, and gives the
 * connection up when nothing comes back for as long again.
 */
export class LinkHandler implements Handler {
  declare readonly types: Types<{
    reads: string;
    passesOn: never;
    accepts: string;
    writes: string;
  }>;
  private readonly events: LinkEvents;

  constructor(events: LinkEvents) {
    this.events = events;
  }

  channelRead(_ctx: Context, text: string): void {
    this.events.received(text);
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (!(event instanceof IdleStateEvent)) return;
    if (event.state === 'reader' && !event.first) ctx.close('heartbeat');
    else ctx.writeAndFlush('PING');
  }

  /** The error of the connection is in its close info. */
  exceptionCaught(ctx: Context): void {
    ctx.close('error');
  }
}
