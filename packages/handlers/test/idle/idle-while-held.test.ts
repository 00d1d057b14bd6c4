import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { IdleStateEvent } from '../../src/idle/idle-state-event.ts';
import { IdleStateHandler, type IdleStateOptions } from '../../src/idle/idle-state-handler.ts';
import { ReadTimeoutHandler } from '../../src/timeout/read-timeout-handler.ts';

function setUp(options: IdleStateOptions) {
  const seen: string[] = [];
  const recorder: Handler = {
    userEventTriggered(ctx: Context, event: unknown) {
      if (event instanceof IdleStateEvent) seen.push(`${event.state} ${ctx.clock.now()}`);
    },
  };
  const idle = new IdleStateHandler(options);
  return { idle, seen, channel: new EmbeddedChannel(idle, recorder) };
}

describe('while reads are held', () => {
  it.each(['reader', 'all'] as const)('the %s clock stands', (state) => {
    const { seen, channel } = setUp({ [`${state}IdleMs`]: 100 });
    channel.advance(60);
    const hold = channel.holdReads('test');
    channel.advance(1000);
    expect(seen).toEqual([]);
    channel.run(() => hold.release());
    channel.advance(39);
    expect(seen).toEqual([]);
    channel.advance(1);
    expect(seen).toEqual([`${state} 1100`]);
  });

  it('the writer clock goes on', () => {
    const { seen, channel } = setUp({ writerIdleMs: 100 });
    channel.holdReads('test');
    channel.advance(200);
    expect(seen).toEqual(['writer 100', 'writer 200']);
  });

  it('several holds within one period add up', () => {
    const { seen, channel } = setUp({ readerIdleMs: 100 });
    for (let i = 0; i < 3; i++) {
      channel.advance(20);
      const hold = channel.holdReads('test');
      channel.advance(30);
      channel.run(() => hold.release());
    }
    channel.advance(39);
    expect(seen).toEqual([]);
    channel.advance(1);
    expect(seen).toEqual(['reader 190']);
  });

  it('a hold from before the last read does not count', () => {
    const { seen, channel } = setUp({ readerIdleMs: 100 });
    const hold = channel.holdReads('test');
    channel.advance(70);
    channel.run(() => hold.release());
    channel.writeInbound('a');
    channel.advance(100);
    expect(seen).toEqual(['reader 170']);
  });

  it('a write counts for the all clock, and each period begins with its event', () => {
    const { seen, channel } = setUp({ allIdleMs: 100 });
    const hold = channel.holdReads('test');
    channel.advance(150);
    channel.writeOutbound('a');
    channel.run(() => hold.release());
    channel.advance(99);
    expect(seen).toEqual([]);
    channel.advance(1);
    expect(seen).toEqual(['all 250']);
    const again = channel.holdReads('test');
    channel.advance(500);
    channel.run(() => again.release());
    channel.advance(99);
    expect(seen).toEqual(['all 250']);
    channel.advance(1);
    expect(seen).toEqual(['all 250', 'all 850']);
  });

  it('no timer runs, and none is left when the handler goes', () => {
    const { idle, seen, channel } = setUp({ readerIdleMs: 100 });
    const hold = channel.holdReads('test');
    channel.advance(100);
    expect(channel.clock.pendingTimers).toBe(0);
    channel.run(() => channel.pipeline.remove(idle));
    channel.run(() => hold.release());
    expect(channel.clock.pendingTimers).toBe(0);
    channel.advance(1000);
    expect(seen).toEqual([]);
  });

  it('the read time-out stands', () => {
    const channel = new EmbeddedChannel(new ReadTimeoutHandler({ timeoutMs: 100 }));
    const hold = channel.holdReads('test');
    channel.advance(1000);
    expect(channel.isOpen).toBe(true);
    channel.run(() => hold.release());
    channel.advance(99);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(channel.closeInfo?.reason).toBe('timeout');
  });
});
