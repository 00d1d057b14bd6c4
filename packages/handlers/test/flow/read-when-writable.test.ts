import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { ReadWhenWritable } from '../../src/flow/read-when-writable.ts';

const echo = (): Handler => ({
  channelRead: (ctx: Context, message: unknown) => void ctx.write(message),
  channelReadComplete: (ctx: Context) => ctx.flush(),
});

function stuckEcho(): EmbeddedChannel {
  const channel = new EmbeddedChannel(new ReadWhenWritable(), echo());
  channel.embedded.isStuck = true;
  return channel;
}

describe('ReadWhenWritable', () => {
  it('asks for no input while the peer takes no output, and asks once when it does', () => {
    const channel = stuckEcho();
    const { reads } = channel.embedded;
    channel.writeInbound(Buffer.alloc(1000));
    expect(channel.embedded.reads).toBe(reads + 1);
    channel.writeInbound(Buffer.alloc(100_000));
    channel.run(() => channel.read());
    expect(channel.embedded.reads).toBe(reads + 1);
    channel.run(() => channel.embedded.release());
    expect(channel.isWritable).toBe(true);
    expect(channel.embedded.reads).toBe(reads + 2);
  });

  it('flushes unflushed output when it makes the channel unwritable', () => {
    const channel = new EmbeddedChannel(new ReadWhenWritable());
    channel.writeOneOutbound(Buffer.alloc(100_000));
    expect(channel.readOutbound()).toBeDefined();
    expect(channel.isWritable).toBe(true);
  });

  it('gives a held read() back when it is removed', () => {
    const channel = stuckEcho();
    channel.writeInbound(Buffer.alloc(100_000));
    const { reads } = channel.embedded;
    channel.run(() => channel.pipeline.remove(ReadWhenWritable));
    expect(channel.embedded.reads).toBe(reads + 1);
  });
});
