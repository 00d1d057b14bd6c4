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
  it('S360 reads by one part and writes by the other, in its place', () => {
    const channel = new EmbeddedChannel(
      { channelRead: (ctx, text: string) => ctx.fireChannelRead(`${text}1`) },
      new CombinedHandler(new Reads(), new Writes()),
      { channelRead: (ctx, text: string) => ctx.fireChannelRead(`${text}2`) },
    );
    channel.writeInbound('in');
    channel.writeOutbound('out');
    expect(channel.finish()).toMatchObject({ inbound: ['in1!2'], outbound: ['out?'] });
  });

  it('S360 lets each part be removed by itself', () => {
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

  it('S360 refuses a part that also does the work of the other', () => {
    expect(() => new CombinedHandler(new Writes(), new Writes())).toThrow(
      /the inbound part, Writes, has a write method/,
    );
    expect(() => new CombinedHandler(new Reads(), new Reads())).toThrow(
      /the outbound part, Reads, has a channelRead method/,
    );
  });
});
