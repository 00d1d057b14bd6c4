import { expect, it } from 'vitest';
import type { Context } from '../../src/index.ts';
import { EmbeddedChannel, VirtualClock } from '../../src/testing/index.ts';

const BUDGET_MS = 5;

/** A clock whose time a test uses up within an event. */
class BusyClock extends VirtualClock {
  usedMs = 0;
  override now(): number {
    return super.now() + this.usedMs;
  }
}

it('a closed channel keeps its handlers until the calls of its next turn were made', () => {
  const clock = new BusyClock();
  const notes: string[] = [];
  const channel = EmbeddedChannel.with(
    { clock, readBudgetMs: BUDGET_MS },
    {
      channelInactive(ctx: Context) {
        expect(ctx.channel.checkTurn()).toBe(false);
        clock.usedMs += BUDGET_MS;
        expect(ctx.channel.checkTurn()).toBe(true);
        ctx.channel.onNextTurn(() => {
          notes.push('turn');
          ctx.channel.checkTurn();
          clock.usedMs += BUDGET_MS;
          expect(ctx.channel.checkTurn()).toBe(true);
          ctx.channel.onNextTurn(() => notes.push('next turn'));
        });
        notes.push('inactive');
      },
      handlerRemoved: () => notes.push('removed'),
    },
  );
  channel.close();
  expect(notes).toEqual(['inactive', 'turn', 'next turn', 'removed']);
});

it('a call for the next turn is made at once while there is time left', () => {
  const channel = new EmbeddedChannel();
  const notes: string[] = [];
  channel.onNextTurn(() => notes.push('called'));
  expect(notes).toEqual(['called']);
});
