import type { Context } from '@headrace/core';
import { ChannelDeadline } from '@headrace/core/authoring';

/** Notified when the time is over. */
interface AuthDeadlineOwner {
  expired(ctx: Context): void;
}

/** The time in which a peer signs in: it limits strangers, and runs on while reads are held. */
export class AuthDeadline extends ChannelDeadline {
  private readonly owner: AuthDeadlineOwner;
  private readonly ctx: Context;

  constructor(owner: AuthDeadlineOwner, ctx: Context, ms: number) {
    super({ ms, whileHeld: 'runs' });
    this.owner = owner;
    this.ctx = ctx;
    this.begin(ctx.channel);
  }

  protected override over(): void {
    this.owner.expired(this.ctx);
  }
}
