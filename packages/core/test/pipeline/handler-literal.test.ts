import { expect, it } from 'vitest';
import { handler } from '../../src/pipeline/handler-literal.ts';
import { EmbeddedChannel } from '../../src/testing/embedded-channel.ts';

it('handler returns the literal itself', () => {
  const literal = { channelActive: () => {} };
  expect(handler(literal)).toBe(literal);
});

it('handler gives the context and the messages their types', () => {
  const upper = handler<{ reads: string; passesOn: string; accepts: string; writes: string }>({
    channelRead: (ctx, text) => ctx.fireChannelRead(text.toUpperCase()),
    write: (ctx, text) => ctx.write(text.toLowerCase()),
  });
  const channel = new EmbeddedChannel(upper);
  channel.writeInbound('Hello');
  channel.writeOutbound('Hello');
  expect([channel.readInbound(), channel.readOutbound()]).toEqual(['HELLO', 'hello']);
});
