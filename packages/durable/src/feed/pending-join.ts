import type { Channel } from '@headrace/core';

/**
 * A join that is under way. Calls during it share its promise, because a member has one place in the group.
 *
 * Each of these calls adds work of the application to a promise that a member can keep pending by reading nothing. So the second call
 * holds the reads of the channel until the join is over: what a peer sends cannot add more. The first call holds nothing, so a member
 * that joins once is still asked for its heartbeats, and notices the end of its connection, while a long state is on its way.
 */
export class PendingJoin<Outcome> {
  private readonly channel: Channel;
  private readonly outcome: Promise<Outcome>;
  private isHeld = false;

  constructor(channel: Channel, outcome: Promise<Outcome>) {
    this.channel = channel;
    this.outcome = outcome;
  }

  /** Returns the promise for a further call. */
  again(): Promise<Outcome> {
    const { channel, outcome } = this;
    if (!this.isHeld) {
      this.isHeld = true;
      const { release } = channel.holdReads('join');
      // In a microtask, when the group has noted the end of the join: a release delivers messages at once.
      outcome.then(release, release);
    }
    return outcome;
  }
}
