import type { Context } from '@headrace/core';
import { type ChannelDeadline, channelDeadlines, wholeMs } from '../deadline/channel-deadlines.ts';

/** Notified when the time is over. */
interface AuthDeadlineOwner {
  expired(ctx: Context): void;
}

/** The time in which a peer signs in. */
export class AuthDeadline implements ChannelDeadline {
  readonly deadline: number;
  heapIndex = -1;
  heapOrder = 0;
  private readonly owner: AuthDeadlineOwner;
  private readonly ctx: Context;

  constructor(owner: AuthDeadlineOwner, ctx: Context, timeoutMs: number) {
    this.owner = owner;
    this.ctx = ctx;
    this.deadline = wholeMs(ctx.clock.now() + timeoutMs);
    channelDeadlines(ctx.channel).add(this);
  }

  expire(): void {
    this.owner.expired(this.ctx);
  }

  cancel(): void {
    channelDeadlines(this.ctx.channel).remove(this);
  }
}
