import type { Handler, WriteFuture } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { GlobalTraffic } from '../../src/shaping/global-traffic.ts';
import {
  TrafficShapingHandler,
  type TrafficShapingOptions,
} from '../../src/shaping/traffic-shaping-handler.ts';

function shaped(options: TrafficShapingOptions, ...app: Handler[]): EmbeddedChannel {
  return new EmbeddedChannel(new TrafficShapingHandler(options), ...app);
}

function taken(channel: EmbeddedChannel): unknown[] {
  const all: unknown[] = [];
  for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound()) {
    all.push(Buffer.isBuffer(m) ? m.length : m);
  }
  return all;
}

function note(future: WriteFuture, name: string, into: string[]): void {
  future.onSettled((error) => into.push(error === undefined ? name : `${name} ${error.message}`));
}

describe('TrafficShapingHandler, reading', () => {
  it('reads no more until the wait is over, and then once', () => {
    const channel = shaped({ readBytesPerSecond: 1000 });
    const { reads } = channel.embedded;
    channel.writeInbound(Buffer.alloc(500));
    expect(channel.readInbound()).toBeDefined();
    expect(channel.embedded.reads).toBe(reads);
    channel.advance(499);
    expect(channel.embedded.reads).toBe(reads);
    channel.advance(1);
    expect(channel.embedded.reads).toBe(reads + 1);
  });

  it('waits for everything that came in the burst', () => {
    const channel = shaped({ readBytesPerSecond: 1000 });
    const { reads } = channel.embedded;
    channel.writeInbound(Buffer.alloc(100), Buffer.alloc(100), Buffer.alloc(100));
    channel.advance(299);
    expect(channel.embedded.reads).toBe(reads);
    channel.advance(1);
    expect(channel.embedded.reads).toBe(reads + 1);
  });

  it('does not read on when the user has turned auto-read off', () => {
    const channel = shaped({ readBytesPerSecond: 1000 });
    channel.run(() => {
      channel.autoRead = false;
    });
    const { reads } = channel.embedded;
    channel.writeInbound(Buffer.alloc(500));
    channel.advance(10_000);
    expect(channel.embedded.reads).toBe(reads);
  });

  it('swallows read() while it waits', () => {
    const channel = shaped({ readBytesPerSecond: 1000 });
    channel.writeInbound(Buffer.alloc(500));
    const { reads } = channel.embedded;
    for (let i = 0; i < 3; i++) channel.run(() => channel.read());
    expect(channel.embedded.reads).toBe(reads);
    channel.advance(500);
    expect(channel.embedded.reads).toBe(reads + 1);
  });

  it('does not count messages that are not bytes, unless there is a sizeOf', () => {
    const channel = shaped({ readBytesPerSecond: 1 });
    const { reads } = channel.embedded;
    channel.writeInbound('a long text');
    expect(channel.embedded.reads).toBe(reads + 1);
    const sized = shaped({ readBytesPerSecond: 1000, sizeOf: (text) => String(text).length });
    const before = sized.embedded.reads;
    sized.writeInbound('x'.repeat(100));
    expect(sized.embedded.reads).toBe(before);
  });
});

describe('TrafficShapingHandler, writing', () => {
  it('keeps the order, also of messages that need not wait', () => {
    const channel = shaped({ writeBytesPerSecond: 1000 });
    channel.writeOutbound(Buffer.alloc(100), 'text', Buffer.alloc(1));
    expect(taken(channel)).toEqual([]);
    channel.advance(100);
    expect(taken(channel)).toEqual([100, 'text', 1]);
  });

  it('writes and flushes each message when it is due; each keeps its future', () => {
    const channel = shaped({ writeBytesPerSecond: 1000 });
    const settled: string[] = [];
    channel.run(() => {
      note(channel.write(Buffer.alloc(100)), 'a', settled);
      note(channel.write(Buffer.alloc(200)), 'b', settled);
    });
    channel.advance(99);
    expect(settled).toEqual([]);
    channel.advance(1);
    expect(settled).toEqual(['a']);
    expect(taken(channel)).toEqual([100]);
    channel.advance(200);
    expect(settled).toEqual(['a', 'b']);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('fails only the message whose write fails', () => {
    const picky: Handler = {
      write: (ctx, message: Buffer) => {
        if (message.length === 100) throw new Error('no');
        return ctx.write(message);
      },
    };
    const channel = new EmbeddedChannel(
      picky,
      new TrafficShapingHandler({ writeBytesPerSecond: 1000 }),
    );
    const settled: string[] = [];
    channel.run(() => {
      note(channel.write(Buffer.alloc(100)), 'a', settled);
      note(channel.write(Buffer.alloc(50)), 'b', settled);
    });
    channel.advance(1000);
    expect(settled).toEqual(['a no', 'b']);
  });

  it.each([
    ['too much waits', { unwritableBytes: 1000 }, 6000],
    ['the delay is too long', { unwritableDelayMs: 500 }, 600],
  ])('makes the channel unwritable when %s, until nothing waits', (_name, options, size) => {
    const changes: boolean[] = [];
    const channel = shaped(
      { writeBytesPerSecond: 1000, ...options },
      { channelWritabilityChanged: (ctx) => void changes.push(ctx.channel.isWritable) },
    );
    channel.run(() => void channel.write(Buffer.alloc(size / 2)));
    channel.run(() => void channel.write(Buffer.alloc(size / 2)));
    expect(changes).toEqual([false]);
    channel.advance(size / 2);
    expect(changes).toEqual([false]);
    channel.advance(size / 2);
    expect(changes).toEqual([false, true]);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it.each([10_000, 70_000])(
    'stays unwritable when other output (%i bytes) has drained',
    (other) => {
      const channel = shaped({ writeBytesPerSecond: 1000, unwritableBytes: 500 });
      channel.embedded.isStuck = true;
      channel.pipeline.firstContext()!.writeAndFlush(Buffer.alloc(other));
      channel.run(() => void channel.write(Buffer.alloc(1000)));
      expect(channel.isWritable).toBe(false);
      channel.run(() => channel.embedded.release());
      expect(channel.isWritable).toBe(false);
      channel.advance(1000);
      expect(channel.isWritable).toBe(true);
    },
  );

  it('refuses what exceeds its queue', () => {
    const channel = shaped({ writeBytesPerSecond: 1000, maxQueuedBytes: 1000 });
    const settled: string[] = [];
    channel.run(() => {
      note(channel.write(Buffer.alloc(900)), 'a', settled);
      note(channel.write(Buffer.alloc(200)), 'b', settled);
    });
    expect(settled).toHaveLength(1);
    expect(settled[0]).toMatch(/^b 964 bytes wait .* exceed maxQueuedBytes \(1000\)/);
  });

  it('sends what waits when it is removed from an open channel, and reads on', () => {
    const channel = shaped({ writeBytesPerSecond: 10, readBytesPerSecond: 10 });
    channel.writeInbound(Buffer.alloc(100));
    channel.writeOutbound(Buffer.alloc(100), Buffer.alloc(50));
    const { reads } = channel.embedded;
    channel.run(() => void channel.pipeline.remove(TrafficShapingHandler));
    expect(taken(channel)).toEqual([100, 50]);
    expect(channel.isWritable).toBe(true);
    expect(channel.embedded.reads).toBe(reads + 1);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('fails what waits when the channel closes', () => {
    const channel = shaped({ writeBytesPerSecond: 10 });
    const settled: string[] = [];
    channel.run(() => note(channel.write(Buffer.alloc(100)), 'a', settled));
    channel.finish();
    expect(settled).toEqual(['a the channel closed before the write had its turn']);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('loses nothing by a polite end', () => {
    const channel = shaped({ writeBytesPerSecond: 10 });
    channel.run(() => void channel.write(Buffer.alloc(100)));
    channel.run(() => void channel.end());
    expect(taken(channel)).toEqual([100]);
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('changes its limits while it works', () => {
    const handler = new TrafficShapingHandler({ writeBytesPerSecond: 10 });
    handler.setLimits({ writeBytesPerSecond: 1 });
    const channel = new EmbeddedChannel(handler);
    handler.setLimits({ writeBytesPerSecond: Number.POSITIVE_INFINITY, readBytesPerSecond: 5 });
    channel.writeOutbound(Buffer.alloc(100));
    expect(taken(channel)).toEqual([100]);
    expect(handler.counter?.totalWrittenBytes).toBe(100);
    expect(handler.queuedBytes).toBe(0);
  });
});

describe('GlobalTraffic', () => {
  function two(traffic: GlobalTraffic, clock: VirtualClock, own: TrafficShapingOptions = {}) {
    return [1, 2].map(() =>
      EmbeddedChannel.with({ clock }, new TrafficShapingHandler({ global: traffic, ...own })),
    ) as [EmbeddedChannel, EmbeddedChannel];
  }

  it('holds all channels together to one limit, each in its own order', () => {
    const clock = new VirtualClock();
    const traffic = new GlobalTraffic({ clock, writeBytesPerSecond: 1000 });
    const [a, b] = two(traffic, clock);
    a.writeOutbound(Buffer.alloc(100));
    b.writeOutbound(Buffer.alloc(100));
    clock.advance(100);
    expect([taken(a), taken(b)]).toEqual([[100], []]);
    clock.advance(100);
    expect(taken(b)).toEqual([100]);
    expect(traffic.counter.totalWrittenBytes).toBe(200);
    expect(traffic.queuedBytes).toBe(0);
  });

  it('holds reading of all channels together to one limit', () => {
    const clock = new VirtualClock();
    const traffic = new GlobalTraffic({ clock, readBytesPerSecond: 1000 });
    const [a, b] = two(traffic, clock);
    const before = [a.embedded.reads, b.embedded.reads] as const;
    a.writeInbound(Buffer.alloc(100));
    b.writeInbound(Buffer.alloc(100));
    clock.advance(100);
    expect([a.embedded.reads, b.embedded.reads]).toEqual([before[0] + 1, before[1]]);
    clock.advance(100);
    expect(b.embedded.reads).toBe(before[1] + 1);
    expect(traffic.counter.totalReadBytes).toBe(200);
  });

  it('makes channels that write more unwritable when too much waits in all', () => {
    const clock = new VirtualClock();
    const traffic = new GlobalTraffic({ clock, writeBytesPerSecond: 1000, maxQueuedBytes: 150 });
    const [a, b] = two(traffic, clock);
    a.writeOutbound(Buffer.alloc(100));
    expect(a.isWritable).toBe(true);
    b.writeOutbound(Buffer.alloc(100));
    expect([a.isWritable, b.isWritable]).toEqual([true, false]);
    clock.advance(200);
    expect(b.isWritable).toBe(true);
  });

  it('takes the longer wait of a channel limit and the common one', () => {
    const clock = new VirtualClock();
    const traffic = new GlobalTraffic({ clock, writeBytesPerSecond: 10_000 });
    const [a] = two(traffic, clock, { writeBytesPerSecond: 1000 });
    a.writeOutbound(Buffer.alloc(1000));
    clock.advance(999);
    expect(taken(a)).toEqual([]);
    clock.advance(1);
    expect(taken(a)).toEqual([1000]);
  });

  it('forgets what waited in a channel that closed', () => {
    const clock = new VirtualClock();
    const traffic = new GlobalTraffic({ clock, writeBytesPerSecond: 10 });
    const [a] = two(traffic, clock);
    a.run(() => void a.write(Buffer.alloc(100)).catch(() => {}));
    expect(traffic.queuedBytes).toBe(100);
    a.finish();
    expect(traffic.queuedBytes).toBe(0);
  });

  it('accounts per interval until it is disposed of', () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    {
      using traffic = new GlobalTraffic({
        clock,
        onInterval: (one) => seen.push(one.lastReadBytes),
      });
      traffic.counter.countRead(5);
      clock.advance(1000);
    }
    clock.advance(5000);
    expect(seen).toEqual([5]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('refuses invalid limits', () => {
    expect(() => new GlobalTraffic({ readBytesPerSecond: 0 })).toThrow(/readBytesPerSecond/);
    expect(() => new TrafficShapingHandler({ maxWaitMs: -1 })).toThrow(/maxWaitMs/);
    expect(() => new TrafficShapingHandler({ maxQueuedBytes: 0 })).toThrow(/maxQueuedBytes/);
  });
});
