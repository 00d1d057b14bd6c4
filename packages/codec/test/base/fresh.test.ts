import { LengthFieldFrameDecoder, StringCodec } from '@headrace/codec';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

/** What a decoder keeps of its options for `fresh()`. */
const kept = (decoder: object) => (decoder as { givenOptions: object }).givenOptions;

describe('the options that fresh() takes', () => {
  it('are those of the beginning, whatever becomes of the object', () => {
    const options = { maxFrameLength: 100, lengthFieldLength: 4 as const };
    const decoder = new LengthFieldFrameDecoder(options);
    options.maxFrameLength = Number.POSITIVE_INFINITY;
    expect(kept(decoder.fresh())).toEqual({ maxFrameLength: 100, lengthFieldLength: 4 });
  });

  it('are also those that the object inherits', () => {
    class Limits {
      get maxFrameLength(): number {
        return 100;
      }
      get lengthFieldLength(): 2 {
        return 2;
      }
    }
    const decoder = new LengthFieldFrameDecoder(new Limits()).fresh();
    const channel = new EmbeddedChannel(decoder);
    expect(() => channel.writeInbound(Buffer.from([0, 101]))).toThrow('100');
    expect(channel.readInbound()).toBeUndefined();
  });

  it('are one copy for all decoders of a class that have the same', () => {
    const make = (maxFrameLength: number) =>
      new LengthFieldFrameDecoder({ maxFrameLength, lengthFieldLength: 4 });
    const [one, same, other] = [make(100), make(100), make(200)];
    expect(kept(one)).toBe(kept(same));
    expect(kept(other)).not.toBe(kept(one));
    expect(kept(new StringCodec())).toBe(kept(new StringCodec({})));
    expect(kept(new StringCodec({ otherMessages: 'pass-on' }))).not.toBe(kept(new StringCodec()));
  });
});
