import type { Handler } from '@headrace/core';
import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

function halfOpen() {
  const seen = recordEvents();
  const channel = EmbeddedChannel.with({ allowHalfOpen: true }, seen);
  seen.take();
  return { channel, seen };
}

const shutdowns = (events: readonly string[]): string[] =>
  events.filter((event) => event.startsWith('channelShutdown'));

describe('the peer ends its half', () => {
  it('closes the channel, unless half-open channels are allowed', () => {
    const channel = new EmbeddedChannel();
    channel.endInput();
    expect([channel.isOpen, channel.isActive]).toEqual([false, false]);
    expect(channel.closeInfo?.reason).toBe('peer');
  });

  it('with half-open channels allowed: one event; the channel stays up and writable', () => {
    const { channel, seen } = halfOpen();
    channel.endInput();
    expect(seen.take()).toEqual(['channelShutdown input']);
    expect(channel.isInputShutdown).toBe(true);
    expect(channel.isOutputShutdown).toBe(false);
    expect([channel.isOpen, channel.isActive, channel.isWritable]).toEqual([true, true, true]);
    expect(channel.writeOutbound('still here')).toBe(true);
  });

  it('everything that came before it is read before it', () => {
    const { channel, seen } = halfOpen();
    channel.writeInbound('1', '2');
    channel.endInput();
    expect(seen.take()).toEqual([
      'channelRead "1"',
      'channelRead "2"',
      'channelReadComplete',
      'channelShutdown input',
    ]);
  });

  it('is reported once, however often the transport reports it', () => {
    const { channel, seen } = halfOpen();
    channel.endInput();
    channel.endInput();
    channel.flushInbound();
    channel.endInput();
    expect(shutdowns(seen.take())).toEqual(['channelShutdown input']);
  });
});

describe('we end our half', () => {
  /** How often the transport is asked to end our half. */
  function countEnds(channel: EmbeddedChannel): () => number {
    const { embedded } = channel;
    const end = embedded.shutdownOutput.bind(embedded);
    let count = 0;
    embedded.shutdownOutput = () => {
      count += 1;
      end();
    };
    return () => count;
  }

  it('from a listener in the middle of a flush: the end comes after what that listener wrote', () => {
    const channel = new EmbeddedChannel();
    const ends = countEnds(channel);
    channel.write('one').onSettled(() => {
      channel.writeAndFlush('two');
      channel.shutdown('output');
    });
    channel.flush();
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['one', 'two']);
    expect([channel.isOutputShutdown, ends()]).toEqual([true, 1]);
  });

  it('from the listener of a write that had to wait: the transport is asked once', () => {
    const { channel } = halfOpen();
    const ends = countEnds(channel);
    channel.embedded.isStuck = true;
    channel.writeAndFlush('one').onSettled(() => channel.shutdown('output'));
    channel.embedded.release();
    expect([channel.isOutputShutdown, ends()]).toEqual([true, 1]);
  });

  it('the channel still reads; later writes fail', () => {
    const { channel, seen } = halfOpen();
    const future = channel.shutdown('output');
    expect(future.isSuccess).toBe(true);
    expect(channel.isOutputShutdown).toBe(true);
    expect(channel.write('late').error).toMatchObject({ code: 'HR_ERR_OUTPUT_SHUTDOWN' });
    seen.take();
    expect(channel.writeInbound('still read')).toBe(true);
    expect(seen.take()).toEqual(['channelRead "still read"', 'channelReadComplete']);
  });

  it('after the close it fails with CHANNEL_CLOSED', () => {
    const { channel } = halfOpen();
    channel.close();
    for (const direction of ['input', 'output'] as const) {
      expect(channel.shutdown(direction).error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    }
  });

  it('what was flushed goes out first; what was not fails', () => {
    const { channel } = halfOpen();
    channel.embedded.isStuck = true;
    const flushed = channel.writeAndFlush('flushed');
    const queued = channel.writeAndFlush('queued after it');
    const unflushed = channel.write('unflushed');
    const future = channel.shutdown('output');
    expect(unflushed.error).toMatchObject({ code: 'HR_ERR_OUTPUT_SHUTDOWN' });
    expect(future.isSettled).toBe(false);
    expect(channel.isOutputShutdown).toBe(false);
    channel.run(() => channel.embedded.release());
    expect([flushed.isSuccess, queued.isSuccess, future.isSuccess]).toEqual([true, true, true]);
    expect(channel.finish().outbound).toEqual(['flushed', 'queued after it']);
  });

  it('asking twice gives the same answer', () => {
    const { channel, seen } = halfOpen();
    channel.embedded.isStuck = true;
    channel.writeAndFlush('x');
    const futures = [channel.shutdown(), channel.shutdown()];
    channel.run(() => channel.embedded.release());
    expect(futures.map((future) => future.isSuccess)).toEqual([true, true]);
    expect(shutdowns(seen.take())).toEqual(['channelShutdown output']);
  });

  it('fails if the channel closes before everything was sent', () => {
    const { channel } = halfOpen();
    channel.embedded.isStuck = true;
    channel.writeAndFlush('x');
    const future = channel.shutdown('output');
    channel.close();
    expect(future.error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
  });
});

describe('both halves', () => {
  it('ours, then the peer’s: the channel closes', () => {
    const { channel } = halfOpen();
    channel.shutdown('output');
    channel.endInput();
    expect(channel.isOpen).toBe(false);
    expect(channel.closeInfo).toMatchObject({ reason: 'peer', by: 'peer' });
  });

  it('the peer’s, then ours: the channel closes', () => {
    const { channel } = halfOpen();
    channel.endInput();
    channel.shutdown('output');
    expect(channel.isOpen).toBe(false);
    expect(channel.closeInfo).toMatchObject({ reason: 'local', by: 'local' });
  });

  it('both by us', () => {
    const { channel } = halfOpen();
    channel.shutdown('input');
    channel.shutdown('output');
    expect(channel.isOpen).toBe(false);
    expect(channel.closeInfo).toMatchObject({ reason: 'local', by: 'local' });
  });

  it('both by us, the output first', () => {
    const { channel } = halfOpen();
    channel.shutdown('output');
    expect(channel.isOpen).toBe(true);
    channel.shutdown('input');
    expect(channel.isOpen).toBe(false);
    expect(channel.closeInfo).toMatchObject({ reason: 'local', by: 'local' });
  });
});

describe('we end the peer’s half', () => {
  it('reports it, drops what still comes in, and goes on writing; half-open or not', () => {
    const seen = recordEvents();
    const channel = new EmbeddedChannel(seen);
    seen.take();
    expect(channel.shutdown('input').isSuccess).toBe(true);
    expect(channel.isInputShutdown).toBe(true);
    channel.writeInbound('late');
    expect(shutdowns(seen.events)).toEqual(['channelShutdown input']);
    expect(seen.events.filter((event) => event.startsWith('channelRead'))).toEqual([]);
    expect(channel.writeOutbound('out')).toBe(true);
    expect(channel.embedded.isReading).toBe(true);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('peer');
    expect(shutdowns(seen.events)).toEqual(['channelShutdown input']);
  });
});

it('half-closure is an event method in, and an operation out', () => {
  const order: string[] = [];
  const channel = EmbeddedChannel.with({ allowHalfOpen: true }, {
    channelShutdown(ctx, direction) {
      order.push(`reported ${direction}`);
      ctx.fireChannelShutdown(direction);
    },
    shutdown(ctx, direction) {
      order.push(`asked ${direction}`);
      return ctx.shutdown(direction);
    },
  } satisfies Handler);
  channel.shutdown('output');
  channel.endInput();
  expect(order).toEqual(['asked output', 'reported output']);
  expect(channel.isOpen).toBe(false);
});
