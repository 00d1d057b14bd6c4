import { type Channel, type Context, openChannel, type WriteFuture } from '@headrace/core';
import { BareSocket, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { pipeChannels, RelayHandler } from '../../src/routing/relay-handler.ts';

interface Side {
  readonly transport: BareSocket;
  readonly channel: Channel;
}

const clock = new VirtualClock();

function side(): Side {
  const transport = new BareSocket();
  const options = { clock, outboundStallMs: false } as const;
  return { transport, channel: openChannel(transport, { ...options, initialize: () => {} }) };
}

let left: Side;
let right: Side;

/** Two sides that are relayed. */
function relayed(): [Side, Side] {
  const sides: [Side, Side] = [side(), side()];
  pipeChannels(sides[0].channel, sides[1].channel);
  return sides;
}

beforeEach(() => {
  // All relays of a process share the memory, and an earlier test file may have used some of it: this one needs all.
  relayed()[0].transport.read('x'.repeat(65_536));
  [left, right] = relayed();
});

/** What was written first, once something else was read. */
function firstAfterAnotherRead(): string {
  left.transport.read('first');
  left.transport.read('other');
  return String(right.transport.written[0]);
}

describe('the memory of relays', () => {
  it('serves the next read once the kernel has taken what was read', () => {
    expect(firstAfterAnotherRead()).toBe('other');
    const another = side();
    pipeChannels(another.channel, side().channel);
    another.transport.read('third');
    expect(String(right.transport.written[0])).toBe('third');
  });

  it('does not serve again while the kernel has not taken it', () => {
    right.transport.takesAll = false;
    expect(firstAfterAnotherRead()).toBe('first');
    const [another, target] = [side(), side()];
    pipeChannels(another.channel, target.channel);
    another.transport.read('third');
    expect(String(right.transport.written[0])).toBe('first');
  });

  it('does not serve again if a handler before the relay has seen it', () => {
    left.channel.pipeline.addFirst({ channelRead: (ctx, message) => ctx.fireChannelRead(message) });
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again if a handler of the other channel has seen it', () => {
    right.channel.pipeline.addLast({ write: (ctx, message) => ctx.write(message) });
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again if the other channel has one handler, and that one is not a relay', () => {
    [left, right] = [side(), side()];
    right.channel.pipeline.addLast({ write: (ctx, message) => ctx.write(message) });
    left.channel.pipeline.addLast(new RelayHandler(right.channel));
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again if a handler between the other relay and the kernel has seen it', () => {
    right.channel.pipeline.addFirst({ write: (ctx, message) => ctx.write(message) });
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again if the transport may pass it on as it is', () => {
    right.transport.keepsNoWrites = undefined;
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again for one of several messages of a read', () => {
    left.transport.read('first', 'other');
    left.transport.read('third');
    expect(right.transport.written.map(String)).toEqual(['first', 'other', 'third']);
  });

  it('is not kept alive by what waits for a slow peer', () => {
    right.transport.takesAll = false;
    for (const text of ['first', 'a', 'b']) left.transport.read(text);
    right.transport.drain();
    const waited = right.transport.written.slice(1);
    expect(waited.map(String)).toEqual(['a', 'b']);
    expect(waited.map(({ buffer }) => buffer.byteLength)).toEqual([1, 1]);
  });

  it('is replaced once it is full', () => {
    left.transport.read('x'.repeat(60_000), 'y');
    const long = 'z'.repeat(10_000);
    for (const text of [long, long, 'last!']) left.transport.read(text);
    const [, , third, fourth, last] = right.transport.written;
    expect(String(third)).toBe(long);
    expect(last!.buffer).toBe(fourth!.buffer);
    expect(String(fourth)).toMatch(/^last!z/);
  });

  it('does not serve again if a handler has seen it that has removed itself', () => {
    left.channel.pipeline.addFirst({
      channelRead(ctx, message) {
        ctx.pipeline.remove(ctx.name);
        ctx.fireChannelRead(message);
      },
    });
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again if a handler of the other channel has seen it that has removed itself', () => {
    right.channel.pipeline.addFirst({
      write(ctx, message) {
        ctx.pipeline.remove(ctx.name);
        return ctx.write(message);
      },
    });
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again if the other relay sees what is written', () => {
    class Keeper extends RelayHandler {
      write(ctx: Context, message: unknown): WriteFuture {
        return ctx.write(message);
      }
    }
    right.channel.pipeline.removeFirst();
    right.channel.pipeline.addFirst(new Keeper(left.channel));
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('serves no channel that the relay has left', () => {
    const relay = left.channel.pipeline.removeFirst();
    const seen: unknown[] = [];
    left.channel.pipeline.addFirst({
      channelRead(ctx, message) {
        seen.push(message);
        ctx.pipeline.addLast(new RelayHandler(right.channel));
        ctx.pipeline.remove(ctx.name);
        ctx.fireChannelRead(message);
      },
    });
    expect(relay).toBeInstanceOf(RelayHandler);
    expect(firstAfterAnotherRead()).toBe('first');
  });

  it('does not serve again if the relay is of a class of its own', () => {
    class Tap extends RelayHandler {
      readonly seen: unknown[] = [];
      override channelRead(ctx: Context, message: unknown): void {
        this.seen.push(message);
        super.channelRead(ctx, message);
      }
    }
    const tap = new Tap(right.channel);
    left.channel.pipeline.removeFirst();
    left.channel.pipeline.addFirst(tap);
    left.transport.read('first');
    left.transport.read('other');
    expect(tap.seen.map(String)).toEqual(['first', 'other']);
  });
});
