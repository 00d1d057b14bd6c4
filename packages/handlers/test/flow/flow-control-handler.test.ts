import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { FlowControlHandler } from '../../src/flow/flow-control-handler.ts';

/** Notes all that reaches the application. */
class Notes implements Handler {
  readonly list: string[] = [];
  onRead: ((ctx: Context, message: unknown) => void) | undefined = undefined;

  channelRead(ctx: Context, message: unknown): void {
    this.list.push(String(message));
    this.onRead?.(ctx, message);
  }
  channelReadComplete(): void {
    this.list.push('complete');
  }
  channelShutdown(_ctx: Context, direction: string): void {
    this.list.push(`shutdown ${direction}`);
  }
  channelInactive(): void {
    this.list.push('inactive');
  }
  exceptionCaught(_ctx: Context, error: Error): void {
    this.list.push(error.message);
  }
  take(): string[] {
    return this.list.splice(0);
  }
}

function flow(
  autoRead: boolean,
  allowHalfOpen = false,
): { channel: EmbeddedChannel; notes: Notes } {
  const notes = new Notes();
  const channel = EmbeddedChannel.with(
    { autoRead, allowHalfOpen },
    new FlowControlHandler(),
    notes,
  );
  return { channel, notes };
}

const read = (channel: EmbeddedChannel): void => channel.run(() => channel.read());

describe('FlowControlHandler', () => {
  it('lets everything through while auto-read is on', () => {
    const { channel, notes } = flow(true);
    channel.writeInbound(1, 2, 3);
    expect(notes.take()).toEqual(['1', '2', '3', 'complete']);
  });

  it('gives one message per read() while it is off, and keeps the others', () => {
    const { channel, notes } = flow(false);
    read(channel);
    channel.writeInbound(1, 2, 3);
    expect(notes.take()).toEqual(['1']);
    read(channel);
    expect(notes.take()).toEqual(['2']);
    read(channel);
    expect(notes.take()).toEqual(['3', 'complete']);
  });

  it('serves read() from the queue without asking the transport', () => {
    const { channel, notes } = flow(false);
    channel.writeInbound(1, 2);
    const { reads } = channel.embedded;
    read(channel);
    read(channel);
    expect(notes.take()).toEqual(['1', '2', 'complete']);
    expect(channel.embedded.reads).toBe(reads);
  });

  it('asks the transport when the queue is empty, and lets the next message through', () => {
    const { channel, notes } = flow(false);
    const { reads } = channel.embedded;
    read(channel);
    expect(channel.embedded.reads).toBe(reads + 1);
    channel.writeInbound(1, 2);
    expect(notes.take()).toEqual(['1']);
  });

  it('stops before the next message when auto-read is turned off within channelRead', () => {
    const { channel, notes } = flow(true);
    notes.onRead = (ctx, message) => {
      if (message === 2) ctx.channel.autoRead = false;
    };
    channel.writeInbound(1, 2, 3, 4);
    expect(notes.take()).toEqual(['1', '2']);
    notes.onRead = (ctx, message) => {
      if (message === 3) ctx.channel.autoRead = false;
    };
    channel.run(() => {
      channel.autoRead = true;
    });
    expect(notes.take()).toEqual(['3']);
    channel.run(() => {
      channel.autoRead = true;
    });
    expect(notes.take()).toEqual(['4', 'complete']);
  });

  it('asks the transport for more when auto-read is turned on over a queue', () => {
    const { channel } = flow(false);
    channel.writeInbound(1, 2);
    const { reads } = channel.embedded;
    channel.run(() => {
      channel.autoRead = true;
    });
    expect(channel.embedded.reads).toBe(reads + 1);
  });

  it('holds the end of the burst while messages are queued, and makes one after the last', () => {
    const { channel, notes } = flow(false);
    channel.writeInbound(1);
    expect(notes.take()).toEqual([]);
    read(channel);
    expect(notes.take()).toEqual(['1', 'complete']);
    channel.flushInbound();
    expect(notes.take()).toEqual(['complete']);
  });

  it('makes no end of its own within a burst', () => {
    const { channel, notes } = flow(false);
    channel.writeOneInbound(1).writeOneInbound(2);
    read(channel);
    read(channel);
    expect(notes.take()).toEqual(['1', '2']);
    channel.flushInbound();
    expect(notes.take()).toEqual(['complete']);
  });

  it('may be asked from within channelRead', () => {
    const { channel, notes } = flow(false);
    notes.onRead = (ctx) => ctx.read();
    read(channel);
    channel.writeInbound(1, 2, 3);
    expect(notes.take()).toEqual(['1', '2', '3', 'complete']);
    channel.writeInbound(4);
    expect(notes.take()).toEqual(['4', 'complete']);
  });

  it('keeps the order when a read() within channelRead comes from a drained queue', () => {
    const { channel, notes } = flow(false);
    channel.writeInbound(1, 2, 3, 4);
    notes.onRead = (ctx, message) => {
      if (message === 1 || message === 2) ctx.read();
    };
    read(channel);
    expect(notes.take()).toEqual(['1', '2', '3']);
  });

  it('passes on what it holds when it is removed', () => {
    const { channel, notes } = flow(false);
    channel.writeInbound(1, 2);
    channel.run(() => channel.pipeline.remove(FlowControlHandler));
    expect(notes.take()).toEqual(['1', '2', 'complete']);
  });

  it('delivers what was read before the close', () => {
    const { channel, notes } = flow(false);
    channel.writeInbound(1, 2);
    channel.endInput();
    expect(notes.take()).toEqual(['1', '2', 'complete', 'inactive']);
  });

  it('delivers what was read before an error that followed it', () => {
    const { channel, notes } = flow(false);
    channel.writeInbound(1, 2);
    channel.run(() => channel.pipeline.fireExceptionCaught(new Error('bad frame')));
    expect(notes.take()).toEqual(['1', '2', 'complete', 'bad frame']);
  });

  it('keeps a half-closure after the messages, and it need not be asked for', () => {
    const { channel, notes } = flow(false, true);
    channel.writeInbound(1, 2);
    channel.endInput();
    expect(notes.take()).toEqual([]);
    read(channel);
    expect(notes.take()).toEqual(['1']);
    read(channel);
    expect(notes.take()).toEqual(['2', 'complete', 'shutdown input']);
  });

  it('lets a half-closure through at once when nothing waits', () => {
    const { channel, notes } = flow(false, true);
    channel.endInput();
    expect(notes.take()).toEqual(['shutdown input']);
  });

  it('gives one message for two read() while nothing is queued, and one for each queued message', () => {
    const { channel, notes } = flow(false);
    notes.onRead = (_ctx, message) => {
      if (message !== 1) return;
      channel.read();
      channel.read();
    };
    read(channel);
    channel.writeInbound(1, 2, 3, 4);
    expect(notes.take()).toEqual(['1', '2']);
    const twice = flow(false);
    read(twice.channel);
    read(twice.channel);
    twice.channel.writeInbound(1, 2);
    expect(twice.notes.take()).toEqual(['1']);
    const other = flow(false);
    other.channel.writeInbound(1, 2, 3, 4);
    other.notes.onRead = (_ctx, message) => {
      if (message !== 1) return;
      other.channel.read();
      other.channel.read();
    };
    read(other.channel);
    expect(other.notes.take()).toEqual(['1', '2', '3']);
    const before = other.channel.embedded.reads;
    other.notes.onRead = (_ctx, message) => {
      if (message !== 4) return;
      other.channel.read();
      other.channel.read();
    };
    read(other.channel);
    expect(other.notes.take()).toEqual(['4', 'complete']);
    expect(other.channel.embedded.reads).toBe(before + 1);
  });

  it('lets nothing flow while reads are held, and goes on when they are released', () => {
    for (const autoRead of [true, false]) {
      const { channel, notes } = flow(autoRead);
      const hold = channel.holdReads('test');
      read(channel);
      channel.writeInbound(1, 2);
      read(channel);
      expect(notes.take()).toEqual([]);
      channel.run(() => hold.release());
      expect(notes.take()).toEqual(['1', '2', 'complete']);
    }
  });

  it('drops what is queued once this side has ended the channel', () => {
    const { channel, notes } = flow(false);
    notes.onRead = (ctx) => void ctx.channel.end();
    channel.writeInbound(1, 2, 3);
    read(channel);
    channel.endInput();
    expect(notes.take().filter((note) => note.length === 1)).toEqual(['1']);
  });
});
