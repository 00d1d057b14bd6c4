import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  MessageRateExceededEvent,
  MessageRateHandler,
  type MessageRateOptions,
} from '../../src/limit/message-rate-handler.ts';

function setUp(options: MessageRateOptions<string>) {
  const events: string[] = [];
  const seen: string[] = [];
  const app: Handler = {
    channelRead: (ctx: Context, message) => void seen.push(`${message}@${ctx.clock.now()}`),
    userEventTriggered(_ctx: Context, event) {
      if (event instanceof MessageRateExceededEvent) events.push(event.error.code);
    },
  };
  const handler = new MessageRateHandler(options);
  return { channel: new EmbeddedChannel(handler, app), handler, events, seen };
}

describe('MessageRateHandler', () => {
  it('refuses a burst that would turn the rate off', () => {
    expect(() => new MessageRateHandler({ perSecond: 1, burst: Number.POSITIVE_INFINITY })).toThrow(
      'burst is Infinity',
    );
  });

  it('slow-down: passes on a burst, then perSecond a second, in order, and reads no faster', () => {
    const { channel, events, seen } = setUp({ perSecond: 2, burst: 3 });
    const before = channel.embedded.reads;
    channel.writeInbound('a', 'b', 'c', 'd', 'e');
    expect(seen).toEqual(['a@0', 'b@0', 'c@0']);
    expect(channel.embedded.reads).toBe(before);
    channel.advance(500);
    channel.advance(500);
    expect(seen.slice(3)).toEqual(['d@500', 'e@1000']);
    expect(channel.embedded.reads).toBe(before + 1);
    expect(events).toEqual(['HR_ERR_REJECTED_RATE']);
    channel.advance(500);
    channel.writeInbound('f');
    expect(seen.at(-1)).toBe('f@1500');
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('slow-down: releases no more in one turn of the event loop than the turn has time for', () => {
    const clock = new VirtualClock();
    const holds: string[] = [];
    let isSlow = false;
    const seen: unknown[] = [];
    const app: Handler = {
      channelRead(ctx: Context, message) {
        if (isSlow) clock.advanceQuietly(1);
        seen.push(message);
        holds.push(ctx.channel.readHolds.join());
      },
    };
    const rate = new MessageRateHandler({ perSecond: 100, burst: 1000 });
    const channel = EmbeddedChannel.with({ clock, readBudgetMs: 10 }, rate, app);
    const texts = Array.from({ length: 1100 }, (_, i) => `${i}`);
    channel.writeInbound(...texts);
    const other = channel.holdReads('other');
    clock.advance(60_000);
    const before = seen.length;
    expect(before).toBe(1000);
    isSlow = true;
    let atOnce = 0;
    clock.run(() => {
      other.release();
      atOnce = seen.length - before;
      expect(channel.readHolds).toEqual(['turn']);
    });
    expect(atOnce).toBe(16);
    clock.advance(60_000);
    expect(seen).toEqual(texts);
    expect(holds.every((why) => !why.includes('turn'))).toBe(true);
    expect(channel.isReadHeld).toBe(false);
  });

  it('slow-down: goes on for a token that comes due between two looks at the clock', () => {
    for (let stepMs = 0.1; stepMs < 40; stepMs *= 1.3) {
      const clock = new VirtualClock({ stepMs });
      const seen: unknown[] = [];
      const channel = EmbeddedChannel.with(
        { clock, readBudgetMs: 1_000_000 },
        new MessageRateHandler({ perSecond: 50, burst: 10 }),
        { channelRead: (_ctx: Context, message: unknown) => void seen.push(message) },
      );
      const messages = Array.from({ length: 200 }, (_, i) => i);
      channel.writeInbound(...messages);
      clock.advance(60_000);
      expect(seen, `a step of ${stepMs} ms`).toEqual(messages);
      expect(channel.isReadHeld).toBe(false);
    }
  });

  it('slow-down: has no timer while reads are held by others', () => {
    const { channel, seen } = setUp({ perSecond: 2, burst: 2 });
    channel.writeInbound('a', 'b', 'c', 'd');
    const hold = channel.holdReads('something else');
    channel.advance(2000);
    expect(channel.clock.pendingTimers).toBe(0);
    expect(seen).toEqual(['a@0', 'b@0']);
    hold.release();
    expect(seen.slice(2)).toEqual(['c@2000', 'd@2000']);
  });

  it('slow-down: holds over any length of time to the rate', () => {
    const { channel, seen } = setUp({ perSecond: 10, burst: 1 });
    for (let i = 0; i < 50; i++) channel.writeOneInbound(i);
    channel.flushInbound();
    channel.advance(3000);
    expect(seen.length).toBeGreaterThanOrEqual(30);
    expect(seen.length).toBeLessThanOrEqual(31);
    channel.advance(3000);
    expect(seen).toHaveLength(50);
  });

  it('drop: hands on what the rate allows', () => {
    const { channel, events, seen } = setUp({ perSecond: 1, burst: 2, excessPolicy: 'drop' });
    channel.writeInbound('a', 'b', 'c', 'd');
    channel.advance(1000);
    channel.writeInbound('e', 'f');
    expect(seen).toEqual(['a@0', 'b@0', 'e@1000']);
    expect(events).toHaveLength(2);
    expect(channel.isOpen).toBe(true);
  });

  it('close: ends with a last word', () => {
    const { channel, seen } = setUp({
      perSecond: 1,
      excessPolicy: 'close',
      lastWord: () => 'ERR:TOO_FAST',
    });
    channel.writeInbound('a', 'b', 'c');
    expect(seen).toEqual(['a@0']);
    expect(channel.readOutbound()).toBe('ERR:TOO_FAST');
    expect(channel.readOutbound()).toBeUndefined();
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('limit');
  });

  it('hands on what waits when it is removed, and forgets it when the channel closes', () => {
    const removed = setUp({ perSecond: 1, burst: 1 });
    removed.channel.writeInbound('a', 'b', 'c');
    removed.channel.pipeline.remove(removed.handler);
    expect(removed.seen).toEqual(['a@0', 'b@0', 'c@0']);
    const closed = setUp({ perSecond: 1, burst: 1 });
    closed.channel.writeInbound('a', 'b');
    closed.channel.run(() => void closed.channel.close());
    closed.channel.advance(5000);
    expect(closed.seen).toEqual(['a@0']);
    expect(closed.channel.clock.pendingTimers).toBe(0);
  });

  it('refuses invalid rates', () => {
    expect(() => new MessageRateHandler({ perSecond: 0 })).toThrow(/perSecond is 0/);
    expect(() => new MessageRateHandler({ perSecond: 1, burst: 0 })).toThrow(/burst is 0/);
  });
});
