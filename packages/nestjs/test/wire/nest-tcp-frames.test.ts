import { Buffer } from 'node:buffer';
import { type DecodeError, isHeadraceError } from '@headrace/core';
import { EmbeddedChannel, verifyDecoder, verifyFrameTimeout } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NestTcpFrameDecoder } from '../../src/wire/nest-tcp-frame-decoder.ts';
import { NestTcpFrameEncoder } from '../../src/wire/nest-tcp-frame-encoder.ts';

const decoder = () => new NestTcpFrameDecoder({ maxFrameLength: 1000 });
const framed = (text: string): Buffer => Buffer.from(`${text.length}#${text}`);

function decoded(...bytes: Buffer[]): { frames: string[]; error: unknown } {
  let error: unknown;
  const channel = new EmbeddedChannel(decoder(), {
    exceptionCaught: (_ctx: unknown, thrown: Error) => {
      error = thrown;
    },
  });
  channel.writeInbound(...bytes);
  const frames: string[] = [];
  for (let f = channel.readInbound(); f !== undefined; f = channel.readInbound())
    frames.push(String(f));
  return { frames, error };
}

/** The text shows what had come, which depends on the cut. */
const codeOf = (error: unknown): string | undefined => (error as DecodeError | undefined)?.code;

describe('frames of Nest TCP', () => {
  it('are cut by code units, wherever the stream is cut', () => {
    verifyDecoder(
      [
        { bytes: framed('{"a":1}'), messages: [Buffer.from('{"a":1}')] },
        { bytes: framed('"ä€😀"'), messages: [Buffer.from('"ä€😀"')] },
        {
          bytes: Buffer.concat([framed(''), framed('😀'), framed('x')]),
          messages: [Buffer.from(''), Buffer.from('😀'), Buffer.from('x')],
        },
      ],
      decoder,
    );
  });

  it('have a time limit from their first byte on', () => {
    verifyFrameTimeout([framed('{"a":"ä€😀"}'), framed('x')], decoder);
  });

  it('are counted as Nest counts, and the same in every cut, if they are not UTF-8', () => {
    // First bytes of all lengths, continuations that some of them allow, a character, and what begins the next frame.
    const alphabet = [0x41, 0x31, 0x23, 0x80, 0x9f, 0xa0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0xff];
    const body = fc.array(fc.constantFrom(...alphabet), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(body, fc.integer({ min: 0, max: 5 }), (bytes, units) => {
        const stream = Buffer.from([...Buffer.from(`${units}#`), ...bytes]);
        const whole = decoded(stream);
        for (let cut = 1; cut < stream.length; cut++) {
          const twice = decoded(stream.subarray(0, cut), stream.subarray(cut));
          expect(twice.frames).toEqual(whole.frames);
          expect(codeOf(twice.error)).toBe(codeOf(whole.error));
        }
        const single = decoded(...[...stream].map((byte) => Buffer.from([byte])));
        expect(single.frames).toEqual(whole.frames);
        // Nest looks at decoded text.
        const [first] = whole.frames;
        if (first !== undefined) expect(first).toBe(String(Buffer.from(bytes)).slice(0, units));
      }),
      { numRuns: 400 },
    );
  });

  it('come back as they were written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 5 }),
        (texts) => {
          const out = new EmbeddedChannel(new NestTcpFrameEncoder(1000));
          const bytes = texts.map((text) => {
            out.writeOutbound(Buffer.from(text));
            return out.readOutbound<Buffer>() as Buffer;
          });
          expect(String(Buffer.concat(bytes))).toBe(texts.map((t) => `${t.length}#${t}`).join(''));
          expect(decoded(Buffer.concat(bytes)).frames).toEqual(texts);
        },
      ),
    );
  });

  it.each([
    ['a length over the limit', '1001#', 'FRAME_TOO_LONG'],
    ['bytes over the limit', `400#${'€'.repeat(400)}`, 'FRAME_TOO_LONG'],
    ['a length that never ends', '0000000000011', 'FRAME_CORRUPT'],
    ['no length', '#{}', 'FRAME_CORRUPT'],
    ['something else', 'GET / HTTP/1.1', 'FRAME_CORRUPT'],
    ['a length within a character', '1#😀', 'FRAME_CORRUPT'],
  ] as const)('with %s are refused', (_what, text, code) => {
    expect(isHeadraceError(decoded(Buffer.from(text)).error, code)).toBe(true);
  });

  it('over the limit are not written', async () => {
    const out = new EmbeddedChannel(new NestTcpFrameEncoder(3));
    const write = out.writeAndFlush(Buffer.from('1234'));
    expect(isHeadraceError(write.error, 'MESSAGE_TOO_LONG')).toBe(true);
  });

  it('are bytes, both ways: anything else is refused', () => {
    const out = new EmbeddedChannel(new NestTcpFrameEncoder(80));
    expect(isHeadraceError(out.writeAndFlush('text' as never).error, 'MESSAGE_NOT_ENCODABLE')).toBe(
      true,
    );
    const inbound = new EmbeddedChannel(new NestTcpFrameDecoder({ maxFrameLength: 80 }));
    expect(() => inbound.writeInbound('2#{}')).toThrow('NestTcpFrameDecoder reads bytes');
  });
});
