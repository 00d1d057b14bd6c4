import type { Context } from '@headrace/core';
import { ChannelDeadline } from '@headrace/core/authoring';

/** The handler that is notified when the deadline is reached. */
interface AuthDeadlineOwner {
  expired(ctx: Context): void;
}

/** The deadline of a sign-in. It limits strangers, so it continues to run while reads are held. */
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
