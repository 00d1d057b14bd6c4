import {
  contentLengthPrefixed,
  DelimiterFrameDecoder,
  FlagFrameDecoder,
  FlagFrameEncoder,
  LengthFieldFrameDecoder,
  lengthPrefixed,
  varintPrefixed,
} from '@headrace/codec';
import type { Handler, MessageLimits } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const CODECS: Readonly<Record<string, () => readonly Handler[]>> = {
  lengthPrefixed: () => lengthPrefixed({ maxFrameLength: 100 }),
  varintPrefixed: () => varintPrefixed({ maxFrameLength: 100 }),
  contentLengthPrefixed: () => contentLengthPrefixed({ maxFrameLength: 100 }),
  'flags and escapes': () => [
    new FlagFrameDecoder({ maxFrameLength: 100 }),
    new FlagFrameEncoder({ maxFrameLength: 100 }),
  ],
};

/** The smallest limits of the handlers. */
function limitsOf(handlers: readonly Handler[]): { inbound: number; outbound: number } {
  const limits = handlers.map((one) => (one as { messageLimits?: MessageLimits }).messageLimits);
  const of = (direction: 'inbound' | 'outbound') =>
    Math.min(...limits.map((one) => one?.[direction] ?? Number.POSITIVE_INFINITY));
  return { inbound: of('inbound'), outbound: of('outbound') };
}

describe('messageLimits of handlers that cut frames', () => {
  for (const [name, codec] of Object.entries(CODECS)) {
    it(`is what passes in both directions: ${name}`, () => {
      const handlers = codec();
      const channel = new EmbeddedChannel(...handlers);
      const { inbound, outbound } = limitsOf(handlers);
      const far = new EmbeddedChannel(...codec());
      far.writeOutbound(Buffer.alloc(Math.min(inbound, outbound)));
      let part = far.readOutbound();
      while (part !== undefined) {
        channel.writeInbound(part);
        part = far.readOutbound();
      }
      expect(channel.readInbound<Buffer>()).toHaveLength(inbound);
      const isLimited = outbound !== Number.POSITIVE_INFINITY;
      if (isLimited) expect(() => channel.writeOutbound(Buffer.alloc(outbound + 1))).toThrow();
    });
  }

  it('counts what is left of a frame after its header was stripped', () => {
    const decoder = (initialBytesToStrip: number) =>
      new LengthFieldFrameDecoder({
        maxFrameLength: 100,
        lengthFieldLength: 4,
        initialBytesToStrip,
      });
    expect(decoder(4).messageLimits).toEqual({ inbound: 96 });
    expect(decoder(0).messageLimits).toEqual({ inbound: 100 });
  });

  it('is the length of a line without its end', () => {
    const decoder = new DelimiterFrameDecoder({ maxFrameLength: 5, delimiters: ['\n'] });
    const channel = new EmbeddedChannel(decoder);
    channel.writeInbound(Buffer.from('12345\n'));
    expect(channel.readInbound<Buffer>()).toHaveLength(limitsOf([decoder]).inbound);
  });
});
