import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { CombinedHandler } from '../../src/routing/combined-handler.ts';

class Reads implements Handler {
  channelRead(ctx: Context, text: string): void {
    ctx.fireChannelRead(`${text}!`);
  }
}
class Writes implements Handler {
  write(ctx: Context, text: string) {
    return ctx.write(`${text}?`);
  }
}

describe('CombinedHandler', () => {
  it('reads by one part and writes by the other, in its place', () => {
    const channel = new EmbeddedChannel(
      { channelRead: (ctx, text: string) => ctx.fireChannelRead(`${text}1`) },
      new CombinedHandler(new Reads(), new Writes()),
      { channelRead: (ctx, text: string) => ctx.fireChannelRead(`${text}2`) },
    );
    channel.writeInbound('in');
    channel.writeOutbound('out');
    expect(channel.finish()).toMatchObject({ inbound: ['in1!2'], outbound: ['out?'] });
  });

  it('lets each part be removed by itself', () => {
    const channel = new EmbeddedChannel(new CombinedHandler(new Reads(), new Writes()));
    channel.pipeline.remove(Reads);
    channel.writeInbound('in');
    channel.writeOutbound('out');
    expect(channel.finish()).toMatchObject({ inbound: ['in'], outbound: ['out?'] });
    const other = new EmbeddedChannel(new CombinedHandler(new Reads(), new Writes()));
    other.pipeline.remove(Writes);
    other.writeInbound('in');
    other.writeOutbound('out');
    expect(other.finish()).toMatchObject({ inbound: ['in!'], outbound: ['out'] });
  });

  it('refuses a part that also does the work of the other', () => {
    expect(() => new CombinedHandler(new Writes(), new Writes())).toThrow(
      /the inbound part, Writes, has a write method/,
    );
    expect(() => new CombinedHandler(new Reads(), new Reads())).toThrow(
      /the outbound part, Reads, has a channelRead method/,
    );
  });
});

describe('what the outbound part throws', () => {
  const caught: string[] = [];
  class Catches extends Reads {
    exceptionCaught(_ctx: Context, error: Error): void {
      caught.push(error.message);
    }
  }
  class Throws implements Handler {
    read(): void {
      throw new Error('in read');
    }
    flush(): void {
      throw new Error('in flush');
    }
  }

  it('in flush or read reaches the inbound part, and no handler after it', () => {
    caught.length = 0;
    const channel = EmbeddedChannel.with(
      { autoRead: false },
      new CombinedHandler(new Catches(), new Throws()),
    );
    channel.flush();
    channel.read();
    expect(caught).toEqual(['in flush', 'in read']);
    expect(() => channel.checkException()).not.toThrow();
  });

  it('goes on towards the tail if the inbound part fires it, once', () => {
    class Fires extends Reads {
      exceptionCaught(ctx: Context, error: Error): void {
        caught.push(error.message);
        ctx.fireExceptionCaught(error);
      }
    }
    caught.length = 0;
    const channel = EmbeddedChannel.with(
      { autoRead: false },
      new CombinedHandler(new Fires(), new Throws()),
    );
    channel.flush();
    expect(caught).toEqual(['in flush']);
    expect(() => channel.checkException()).toThrow('in flush');
  });

  it('an error from before the parts reaches the inbound part once', () => {
    caught.length = 0;
    const channel = EmbeddedChannel.with(
      { autoRead: false },
      new CombinedHandler(new Catches(), new Throws()),
    );
    channel.pipeline.fireExceptionCaught(new Error('upstream'));
    expect(caught).toEqual(['upstream']);
  });
});
