import type { Context } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { AuthFailedEvent, AuthHandler, IdleStateHandler } from '../../src/index.ts';

it('has one timer for the idle times and sign-ins of all connections with one clock, and none after them', () => {
  const clock = new VirtualClock();
  const authenticate = () => ({ principal: 'ann' });
  const channels = Array.from({ length: 100 }, () =>
    EmbeddedChannel.with(
      { clock },
      new IdleStateHandler({ readerIdleMs: 1000, writerIdleMs: 2000 }),
      new AuthHandler({ authenticate, timeoutMs: 5000 }),
    ),
  );
  expect(clock.pendingTimers).toBe(1);
  clock.advance(4999);
  expect(channels.every((channel) => channel.isActive)).toBe(true);
  channels[0]!.close();
  clock.advance(1);
  expect(channels.every((channel) => channel.isEnding)).toBe(true);
  // The time that the peers have to end their halves.
  clock.advance(2000);
  expect(channels.map((channel) => channel.closeInfo?.reason)).toEqual([
    'local',
    ...Array.from({ length: 99 }, () => 'timeout'),
  ]);
  expect(clock.pendingTimers).toBe(0);
});

it('has no timer when the last connection has closed before its time', () => {
  const channel = new EmbeddedChannel(new IdleStateHandler({ readerIdleMs: 60_000 }));
  expect(channel.clock.pendingTimers).toBe(1);
  channel.close();
  expect(channel.clock.pendingTimers).toBe(0);
});

it('ends sign-ins that expire together by turns of the event loop', () => {
  const clock = new VirtualClock();
  const perTurn = [0];
  const { nextTurn } = clock;
  clock.nextTurn = (task) =>
    nextTurn.call(clock, () => {
      perTurn.push(0);
      task();
    });
  const authenticate = () => ({ principal: 'ann' });
  const busy = {
    sharable: true as const,
    userEventTriggered(_ctx: Context, event: unknown) {
      if (!(event instanceof AuthFailedEvent)) return;
      perTurn[perTurn.length - 1]! += 1;
      clock.advanceQuietly(0.1);
    },
  };
  const channels = Array.from({ length: 3000 }, () =>
    EmbeddedChannel.with({ clock }, new AuthHandler({ authenticate, timeoutMs: 5000 }), busy),
  );
  clock.advance(5000);
  expect(channels.every((channel) => channel.isEnding)).toBe(true);
  expect([perTurn.length, Math.max(...perTurn)]).toEqual([300, 10]);
});
