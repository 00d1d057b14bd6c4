import type { Context, Handler, Types } from '@headrace/core';
import { HeartbeatReceivedEvent } from '@headrace/handlers';

/** Events of one connection. */
export interface LinkEvents {
  received(text: string): void;
  /** A heartbeat was answered after so long. */
  roundTrip(ms: number): void;
}

/** The end of the client's pipeline: gives the link what the server said. */
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

  userEventTriggered(_ctx: Context, event: unknown): void {
    if (!(event instanceof HeartbeatReceivedEvent) || event.roundTripMs === undefined) return;
    this.events.roundTrip(event.roundTripMs);
  }

  /** The error of the connection is in its close info. */
  exceptionCaught(ctx: Context): void {
    ctx.close('error');
  }
}
