import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  FlushConsolidationHandler,
  type FlushConsolidationOptions,
} from '../../src/flow/flush-consolidation-handler.ts';

interface Counted {
  readonly channel: EmbeddedChannel;
  flushes(): number;
}

function counted(options: FlushConsolidationOptions, ...app: Handler[]): Counted {
  let count = 0;
  const counter: Handler = {
    flush(ctx) {
      count += 1;
      ctx.flush();
    },
  };
  const channel = new EmbeddedChannel(counter, new FlushConsolidationHandler(options), ...app);
  return { channel, flushes: () => count };
}

const flushPerMessage: Handler = {
  sharable: true,
  channelRead: (ctx: Context, message: unknown) => void ctx.writeAndFlush(message),
};

describe('FlushConsolidationHandler', () => {
  it('refuses a limit that is not positive', () => {
    expect(() => new FlushConsolidationHandler({ maxFlushes: 0 })).toThrow(/maxFlushes/);
  });

  it('holds flushes of a burst until its end', () => {
    const { channel, flushes } = counted({}, flushPerMessage);
    channel.writeOneInbound('a').writeOneInbound('b');
    expect(flushes()).toBe(0);
    channel.flushInbound();
    expect(flushes()).toBe(1);
    expect(channel.finish().outbound).toEqual(['a', 'b']);
    expect(flushes()).toBe(1);
  });

  it('lets one through when 256 are held', () => {
    const { channel, flushes } = counted({}, flushPerMessage);
    for (let i = 0; i < 255; i++) channel.writeOneInbound(i);
    expect(flushes()).toBe(0);
    channel.writeOneInbound(255);
    expect(flushes()).toBe(1);
    channel.writeOneInbound(256);
    expect(flushes()).toBe(1);
    channel.flushInbound();
    expect(flushes()).toBe(2);
  });

  it('makes one flush of those within the burst and the one at its end', () => {
    const { channel, flushes } = counted({}, flushPerMessage, {
      channelReadComplete: (ctx) => ctx.flush(),
    });
    channel.writeInbound('a', 'b');
    expect(flushes()).toBe(1);
  });

  it('flushes at once outside a burst', () => {
    const { channel, flushes } = counted({});
    channel.flushOutbound();
    channel.flushOutbound();
    expect(flushes()).toBe(2);
  });

  it('makes one flush of those of an event, outside a burst too if asked to', () => {
    const { channel, flushes } = counted({ consolidateWhenNotReading: true });
    channel.run(() => {
      channel.flush();
      channel.flush();
      expect(flushes()).toBe(0);
    });
    expect(flushes()).toBe(1);
  });

  it('flushes at once when the limit is reached outside a burst', () => {
    const { channel, flushes } = counted({ consolidateWhenNotReading: true, maxFlushes: 3 });
    channel.run(() => {
      for (let i = 0; i < 3; i++) channel.flush();
      expect(flushes()).toBe(1);
    });
    expect(flushes()).toBe(1);
  });

  it.each([
    [
      'an error',
      (channel: EmbeddedChannel) => channel.pipeline.fireExceptionCaught(new Error('x')),
    ],
    ['close', (channel: EmbeddedChannel) => void channel.close()],
    ['shutdown', (channel: EmbeddedChannel) => void channel.shutdown('output')],
    [
      'its removal',
      (channel: EmbeddedChannel) => void channel.pipeline.remove(FlushConsolidationHandler),
    ],
  ])('lets a held flush through before %s', (_name, act) => {
    const order: string[] = [];
    const witness: Handler = {
      flush(ctx) {
        order.push('flush');
        ctx.flush();
      },
      shutdown(ctx, direction) {
        order.push('end');
        return ctx.shutdown(direction);
      },
      close(ctx, reason) {
        order.push('end');
        return ctx.close(reason);
      },
    };
    const end: Handler = { exceptionCaught: () => void order.push('end') };
    const channel = new EmbeddedChannel(
      witness,
      new FlushConsolidationHandler(),
      flushPerMessage,
      end,
    );
    channel.writeOneInbound('a');
    expect(order).toEqual([]);
    channel.run(() => act(channel));
    expect(order[0]).toBe('flush');
    expect(channel.readOutbound()).toBe('a');
  });

  it('lets a held flush through when the channel becomes unwritable', () => {
    const flushes: number[] = [];
    const counter: Handler = {
      flush(ctx) {
        flushes.push(1);
        ctx.flush();
      },
    };
    const channel = EmbeddedChannel.with(
      { writeBufferHighBytes: 100, writeBufferLowBytes: 10 },
      counter,
      new FlushConsolidationHandler(),
      flushPerMessage,
    );
    channel.writeOneInbound(Buffer.alloc(10));
    expect(flushes).toHaveLength(0);
    channel.writeOneInbound(Buffer.alloc(200));
    expect(flushes).toHaveLength(1);
  });

  it('does not flush again what a forced flush has taken', () => {
    const { channel, flushes } = counted({ consolidateWhenNotReading: true });
    channel.run(() => {
      channel.flush();
      channel.pipeline.fireExceptionCaught(new Error('x'));
      expect(flushes()).toBe(1);
    });
    expect(flushes()).toBe(1);
    expect(() => channel.checkException()).toThrow('x');
  });

  it('flushes what is written from the future of a write', () => {
    const { channel, flushes } = counted({ consolidateWhenNotReading: true });
    channel.run(() => {
      channel.writeAndFlush('first').onSettled(() => void channel.writeAndFlush('again'));
    });
    expect(channel.finish().outbound).toEqual(['first', 'again']);
    expect(flushes()).toBe(2);
  });
});
