import type { Handler, WriteFuture } from '@headrace/core';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { coreOf } from '../../src/channel/transport-channel.ts';

/** The fixed overhead that each waiting message is counted with. */
const OVERHEAD = 64;

function limited(low: number, high: number, ...handlers: Handler[]) {
  return EmbeddedChannel.with(
    { writeBufferLowBytes: low, writeBufferHighBytes: high },
    ...handlers,
  );
}

const outbound = (channel: EmbeddedChannel): unknown[] => {
  const all: unknown[] = [];
  for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound()) all.push(m);
  return all;
};

describe('order and futures', () => {
  it('write only queues; a flush sends what was written before it', () => {
    const channel = new EmbeddedChannel();
    const [a, b] = [channel.write('a'), channel.write('b')];
    expect(outbound(channel)).toEqual([]);
    channel.flush();
    expect(outbound(channel)).toEqual(['a', 'b']);
    const c = channel.write('c');
    expect([a, b, c].map((future) => future.isSuccess)).toEqual([true, true, false]);
    expect(outbound(channel)).toEqual([]);
  });

  it('a flush while the transport is stuck does not touch what is written later', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    channel.writeAndFlush('a');
    channel.flush();
    const later = channel.write('later');
    channel.embedded.release();
    expect(outbound(channel)).toEqual(['a']);
    expect(later.isSettled).toBe(false);
  });

  it('futures settle in the order of the writes, when their flush was handed over whole', () => {
    const channel = new EmbeddedChannel();
    const settled: string[] = [];
    const write = (text: string): WriteFuture => {
      const future = channel.write(text);
      future.onSettled(() => settled.push(text));
      return future;
    };
    channel.embedded.isStuck = true;
    write('1');
    write('2');
    channel.flush();
    write('3');
    channel.flush();
    write('4');
    expect(settled).toEqual([]);
    channel.embedded.release();
    expect(settled).toEqual(['1', '2', '3']);
    expect(outbound(channel)).toEqual(['1', '2', '3']);
  });

  it('a write from the future of an earlier one settles after those that were waiting', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    const settled: string[] = [];
    channel.writeAndFlush('0');
    channel.writeAndFlush('1').onSettled(() => {
      settled.push('1');
      channel.writeAndFlush('3').onSettled(() => settled.push('3'));
    });
    channel.writeAndFlush('2').onSettled(() => settled.push('2'));
    channel.embedded.release();
    expect(settled).toEqual(['1', '2', '3']);
    const fromTheFirst: string[] = [];
    channel.embedded.isStuck = true;
    const batch = [channel.write('4', { signal: new AbortController().signal })];
    batch.push(channel.write('5', { signal: new AbortController().signal }));
    for (const [index, future] of batch.entries()) {
      future.onSettled(() => {
        fromTheFirst.push(String(4 + index));
        if (index === 0) {
          channel.writeAndFlush('6').onSettled(() => fromTheFirst.push('6'));
        }
      });
    }
    channel.flush();
    channel.embedded.release();
    expect(fromTheFirst).toEqual(['4', '5', '6']);
    expect(outbound(channel)).toEqual(['0', '1', '2', '3', '4', '5', '6']);
  });

  it('a message that throws while it is sent fails its batch, is reported, and leaves the buffer in order', () => {
    const channel = new EmbeddedChannel();
    const bad = {
      byteLength: 4,
      writeTo() {
        throw new Error('not now');
      },
    };
    const futures = [channel.write('with it'), channel.write(bad)];
    channel.flush();
    expect(futures.map((future) => future.error?.message)).toEqual(['not now', 'not now']);
    expect(() => channel.checkException()).toThrow('not now');
    expect(channel.pendingOutboundBytes).toBe(0);
    expect(channel.writeOutbound('after')).toBe(true);
    // Behind a full transport it is the event loop that would get the error.
    channel.embedded.isStuck = true;
    channel.writeAndFlush('slow');
    const late = channel.writeAndFlush(bad);
    channel.embedded.release();
    expect(late.error?.message).toBe('not now');
    expect(() => channel.checkException()).toThrow('not now');
  });

  it('empty messages can be written, and settle in order', () => {
    const channel = new EmbeddedChannel();
    const settled: number[] = [];
    for (const [index, size] of [0, 3, 0, 0].entries()) {
      channel.write(Buffer.alloc(size)).onSettled(() => settled.push(index));
    }
    channel.flush();
    expect(settled).toEqual([0, 1, 2, 3]);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('a flush within a flush is picked up by the outer one', () => {
    const channel = new EmbeddedChannel();
    channel.write('1').onSettled(() => {
      channel.writeAndFlush('2').onSettled(() => channel.writeAndFlush('3'));
      expect(channel.readOutbound()).toBe('1');
      expect(channel.readOutbound()).toBeUndefined();
    });
    channel.flush();
    expect(outbound(channel)).toEqual(['2', '3']);
  });

  it('closing from a future of the failing buffer does not enter the failing again', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    const settled: string[] = [];
    const write = (text: string): void =>
      channel.writeAndFlush(text).onSettled((error) => {
        settled.push(`${text} ${error?.message}`);
        channel.close();
        expect(channel.write('again').isSuccess).toBe(false);
      });
    write('1');
    write('2');
    channel.close();
    expect(settled).toHaveLength(2);
    expect(settled[0]).toMatch(/^1 .*closed/);
  });

  it('a message of a type that the transport does not take fails alone', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.sizeOf = (message) => (typeof message === 'string' ? message.length : -1);
    const before = channel.write('before');
    const wrong = channel.write({ not: 'bytes' });
    const after = channel.write('after');
    channel.flush();
    expect(wrong.error).toMatchObject({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' });
    expect(wrong.error?.message).toMatch(/Object.*encoder/);
    expect([before.isSuccess, after.isSuccess]).toEqual([true, true]);
    expect(outbound(channel)).toEqual(['before', 'after']);
  });

  it('sends a large backlog in pieces, in order', () => {
    const channel = EmbeddedChannel.with({ maxOutboundBytes: Number.POSITIVE_INFINITY });
    channel.embedded.isStuck = true;
    const sizes = [100, 200_000, 300_000, 5, 60_000, 60_000];
    const futures = sizes.map((size) => channel.writeAndFlush(Buffer.alloc(size)));
    let writes = 0;
    const { write } = channel.embedded;
    channel.embedded.write = (messages) => {
      writes += 1;
      return write.call(channel.embedded, messages);
    };
    channel.embedded.release();
    expect(futures.every((future) => future.isSuccess)).toBe(true);
    expect(outbound(channel).map((message) => (message as Buffer).length)).toEqual(sizes);
    expect(writes).toBeGreaterThan(1);
  });
});

describe('writability', () => {
  it('marks are 32 and 64 KiB unless set; nonsense is refused', () => {
    const channel = new EmbeddedChannel();
    expect(coreOf(channel)!.options.writeBufferLowBytes).toBe(32 * 1024);
    expect(coreOf(channel)!.options.writeBufferHighBytes).toBe(64 * 1024);
    expect(() => limited(-1, 10)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID' }),
    );
    expect(() => limited(11, 10)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_OPTION_CONFLICT' }),
    );
    expect(() => limited(Number.NaN, 10)).toThrow(/writeBufferLowBytes is NaN/);
    expect(() => limited(10, 10)).not.toThrow();
  });

  it('unwritable strictly above the high watermark, writable again strictly below the low watermark', () => {
    const channel = limited(128 + OVERHEAD, 256 + OVERHEAD);
    channel.embedded.isStuck = true;
    channel.write(Buffer.alloc(256));
    expect(channel.isWritable).toBe(true);
    channel.write(Buffer.alloc(0));
    expect(channel.isWritable).toBe(false);
    channel.flush();
    channel.embedded.release();
    expect(channel.isWritable).toBe(true);
  });

  it('at the low watermark it is still unwritable', () => {
    const channel = limited(100, 200);
    const abort = new AbortController();
    channel.write(Buffer.alloc(100 - OVERHEAD));
    channel.write(Buffer.alloc(101 - OVERHEAD), { signal: abort.signal });
    expect(channel.pendingOutboundBytes).toBe(201);
    expect(channel.isWritable).toBe(false);
    abort.abort();
    expect(channel.pendingOutboundBytes).toBe(100);
    expect(channel.isWritable).toBe(false);
    channel.flush();
    expect(channel.isWritable).toBe(true);
  });

  it('passing the low watermark upwards changes nothing', () => {
    const seen = recordEvents();
    const channel = limited(100, 1000, seen);
    seen.take();
    channel.write(Buffer.alloc(200));
    expect(channel.isWritable).toBe(true);
    expect(seen.take()).toEqual([`write <${'00'.repeat(200)}>`]);
  });

  it('is announced on real changes only', () => {
    const reported: boolean[] = [];
    const channel = limited(100, 200, {
      channelWritabilityChanged: ({ channel: self }) => void reported.push(self.isWritable),
    } satisfies Handler);
    channel.write(Buffer.alloc(300));
    channel.write(Buffer.alloc(300));
    expect(reported).toEqual([false]);
    channel.flush();
    expect(reported).toEqual([false, true]);
    channel.write(Buffer.alloc(10));
    channel.flush();
    expect(reported).toEqual([false, true]);
  });

  it('each waiting message counts with a fixed overhead', () => {
    const channel = new EmbeddedChannel();
    for (let i = 1; i <= 5; i++) {
      channel.write(Buffer.alloc(10));
      expect(channel.pendingOutboundBytes).toBe(i * (10 + OVERHEAD));
    }
    channel.flush();
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('knows how much is missing to the other state', () => {
    const channel = limited(100, 200);
    expect([channel.bytesBeforeUnwritable, channel.bytesBeforeWritable]).toEqual([201, 0]);
    channel.write(Buffer.alloc(100));
    const pending = 100 + OVERHEAD;
    expect(channel.bytesBeforeUnwritable).toBe(200 - pending + 1);
    channel.write(Buffer.alloc(100));
    expect([channel.bytesBeforeUnwritable, channel.bytesBeforeWritable]).toEqual([
      0,
      2 * pending - 100 + 1,
    ]);
  });

  it('what handlers hold counts as waiting: the channel sums it up', () => {
    const channel = limited(100, 200, { channelActive() {} }, { channelActive() {} });
    const [a, b] = ['Handler#0', 'Handler#1'].map((name) => channel.pipeline.context(name)!);
    a!.addPendingOutboundBytes(150);
    expect(channel.isWritable).toBe(true);
    b!.addPendingOutboundBytes(50);
    expect([channel.isWritable, channel.pendingOutboundBytes]).toEqual([true, 200]);
    b!.addPendingOutboundBytes(1);
    expect([channel.isWritable, channel.pendingOutboundBytes]).toEqual([false, 201]);
    a!.addPendingOutboundBytes(-150);
    expect(channel.isWritable).toBe(true);
    b!.addPendingOutboundBytes(-51);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('the buffer runs empty while a handler holds too much: no event until the handler releases', () => {
    const reported: boolean[] = [];
    const channel = limited(100, 200, {
      channelWritabilityChanged: ({ channel: self }) => void reported.push(self.isWritable),
    } satisfies Handler);
    const ctx = channel.pipeline.firstContext()!;
    channel.run(() => ctx.addPendingOutboundBytes(500));
    channel.writeOutbound(Buffer.alloc(300));
    expect(reported).toEqual([false]);
    channel.run(() => ctx.addPendingOutboundBytes(-500));
    expect(reported).toEqual([false, true]);
  });

  it('what handlers report is announced with the next task, the marks within write and flush', () => {
    const reported: boolean[] = [];
    const channel = limited(100, 200, {
      channelWritabilityChanged: ({ channel: self }) => void reported.push(self.isWritable),
    } satisfies Handler);
    const ctx = channel.pipeline.firstContext()!;
    channel.run(() => {
      ctx.addPendingOutboundBytes(500);
      expect(reported).toEqual([]);
      expect(channel.isWritable).toBe(false);
    });
    expect(reported).toEqual([false]);
    channel.run(() => ctx.addPendingOutboundBytes(-500));
    expect(reported).toEqual([false, true]);
    channel.run(() => {
      channel.write(Buffer.alloc(300));
      expect(reported).toEqual([false, true, false]);
      channel.flush();
      expect(reported).toEqual([false, true, false, true]);
    });
  });

  it('held and let go within one event is not a change', () => {
    const seen = recordEvents();
    const channel = limited(100, 200, seen);
    seen.take();
    const ctx = channel.pipeline.firstContext()!;
    channel.run(() => {
      ctx.addPendingOutboundBytes(500);
      ctx.addPendingOutboundBytes(-500);
    });
    expect(seen.take()).toEqual([]);
  });

  it('a flush from channelWritabilityChanged is safe, and drains', () => {
    const reported: boolean[] = [];
    const channel = limited(100, 200, {
      channelWritabilityChanged(ctx) {
        reported.push(ctx.channel.isWritable);
        ctx.flush();
      },
    } satisfies Handler);
    const future = channel.write(Buffer.alloc(300));
    expect(future.isSuccess).toBe(true);
    expect(outbound(channel)).toHaveLength(1);
    expect(channel.isWritable).toBe(true);
    expect(reported.at(-1)).toBe(true);
  });

  it('writes from channelWritabilityChanged go out after the others', () => {
    let left = 3;
    const channel = limited(100, 200, {
      channelWritabilityChanged(ctx) {
        if (!ctx.channel.isWritable || left === 0) return;
        left -= 1;
        ctx.writeAndFlush(`more ${left}`.padEnd(300));
      },
    } satisfies Handler);
    channel.writeAndFlush('first'.padEnd(300));
    expect(outbound(channel).map((text) => String(text).trim())).toEqual([
      'first',
      'more 2',
      'more 1',
      'more 0',
    ]);
    expect(channel.pendingOutboundBytes).toBe(0);
  });
});

describe('limits', () => {
  it('more output than maxOutboundBytes fails the write and closes a slow consumer', () => {
    const channel = EmbeddedChannel.with({ maxOutboundBytes: 1000 });
    channel.embedded.isStuck = true;
    const large = channel.writeAndFlush(Buffer.alloc(5000));
    expect(channel.isOpen).toBe(true);
    const refused = channel.write(Buffer.alloc(1));
    expect(refused.error).toMatchObject({ code: 'HR_ERR_OUTBOUND_FULL' });
    expect(refused.error?.message).toMatch(/5064 bytes.*maxOutboundBytes \(1000\)/);
    expect(channel.closeInfo).toMatchObject({ reason: 'slow-consumer', by: 'local' });
    expect(large.error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
  });

  it('exactly maxOutboundBytes may wait, and then one more message of any size', () => {
    const channel = EmbeddedChannel.with({ maxOutboundBytes: 1000 });
    channel.embedded.isStuck = true;
    channel.writeAndFlush(Buffer.alloc(1000 - OVERHEAD));
    expect(channel.pendingOutboundBytes).toBe(1000);
    expect(channel.write(Buffer.alloc(5000)).isSettled).toBe(false);
    expect(channel.isOpen).toBe(true);
    expect(channel.write(Buffer.alloc(0)).error).toMatchObject({ code: 'HR_ERR_OUTBOUND_FULL' });
    expect(channel.isOpen).toBe(false);
  });

  it('closes when output waits and none of it is taken for outboundStallMs', () => {
    const channel = EmbeddedChannel.with({ outboundStallMs: 1000 });
    channel.embedded.isStuck = true;
    channel.writeAndFlush('x');
    channel.advance(999);
    expect(channel.isOpen).toBe(true);
    channel.advance(1);
    expect(channel.closeInfo?.reason).toBe('slow-consumer');
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('a slow but moving write is not a stall', () => {
    const channel = EmbeddedChannel.with({ outboundStallMs: 1000 });
    channel.embedded.isStuck = true;
    channel.writeAndFlush(Buffer.alloc(10_000));
    for (let i = 0; i < 9; i++) {
      channel.embedded.unsentBytes -= 1000;
      channel.advance(1000);
    }
    expect(channel.isOpen).toBe(true);
    channel.run(() => channel.embedded.release());
    channel.advance(5000);
    expect(channel.isOpen).toBe(true);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('never closes a stuck channel with outboundStallMs: false', () => {
    const channel = EmbeddedChannel.with({ outboundStallMs: false });
    channel.embedded.isStuck = true;
    channel.writeAndFlush('x');
    expect(channel.clock.pendingTimers).toBe(0);
    channel.close();
  });

  it('takes its timer along when it closes', () => {
    const channel = new EmbeddedChannel();
    channel.embedded.isStuck = true;
    channel.writeAndFlush('x');
    expect(channel.clock.pendingTimers).toBe(1);
    channel.close();
    expect(channel.clock.pendingTimers).toBe(0);
  });
});

describe('a message that cannot write itself', () => {
  const broken = {
    byteLength: 300_000,
    writeTo() {
      throw new Error('no');
    },
  };
  const seen: string[] = [];
  const catcher: Handler = {
    sharable: true,
    exceptionCaught: (_ctx, error) => void seen.push(error.message),
  };

  it('fails alone: what was flushed after it goes out', () => {
    seen.length = 0;
    const channel = EmbeddedChannel.with({ maxOutboundBytes: Number.POSITIVE_INFINITY }, catcher);
    channel.embedded.isStuck = true;
    channel.writeAndFlush('first');
    const failed = channel.writeAndFlush(broken);
    const next = channel.writeAndFlush('y'.repeat(300_000));
    const last = channel.writeAndFlush('z');
    channel.run(() => channel.embedded.release());
    expect([failed.error?.message, next.isSuccess, last.isSuccess]).toEqual(['no', true, true]);
    expect(seen).toEqual(['no']);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('does not keep our half from ending', () => {
    const channel = new EmbeddedChannel(catcher);
    channel.write('one').onSettled(() => {
      channel.writeAndFlush(broken).catch(() => {});
      channel.shutdown('output');
    });
    channel.flush();
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('does not keep a stuck peer from being found', () => {
    const channel = EmbeddedChannel.with({ maxOutboundBytes: Number.POSITIVE_INFINITY }, catcher);
    const { signal } = new AbortController();
    for (const text of ['one', 'two']) channel.write(text.repeat(100_000), { signal });
    channel.embedded.write = () => {
      channel.embedded.write = () => false;
      throw new Error('no');
    };
    channel.flush();
    expect(channel.clock.pendingTimers).toBe(1);
    channel.close();
  });
});
