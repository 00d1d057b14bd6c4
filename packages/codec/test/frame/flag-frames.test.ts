import {
  FlagFrameDecoder,
  type FlagFrameDecoderOptions,
  FlagFrameEncoder,
  type FlagFraming,
} from '@headrace/codec';
import type { DecodeError } from '@headrace/core';
import { EmbeddedChannel, verifyDecoder } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../decoder-harness.ts';

const JTT808 = [
  [0x7e, 0x02],
  [0x7d, 0x01],
] as const;
const SLIP = {
  flag: 0xc0,
  escape: 0xdb,
  transposition: [
    [0xc0, 0xdc],
    [0xdb, 0xdd],
  ],
} as const;

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const decoder = (options: Partial<FlagFrameDecoderOptions> = {}): FlagFrameDecoder =>
  new FlagFrameDecoder({ maxFrameLength: 8, frameErrorPolicy: 'emit', ...options });

/** The frames in hex, and the codes of errors. */
function framesOf(options: Partial<FlagFrameDecoderOptions>, ...reads: string[]): string[] {
  return outcome(decoder(options), ...reads.map(bytes)).map((one) =>
    one.startsWith('!') ? one : Buffer.from(one, 'latin1').toString('hex'),
  );
}

describe('FlagFrameDecoder', () => {
  it.each<[string, FlagFraming, string, string]>([
    ['HDLC', {}, '7e 01 7d5e 02 7d5d 7e', '017e027d'],
    ['JT/T 808', { transposition: JTT808 }, '7e 01 7d02 02 7d01 7e', '017e027d'],
    ['SLIP', SLIP, 'c0 01 dbdc 02 dbdd c0', '01c002db'],
  ])('restores what was escaped: %s', (_name, options, wire, frame) => {
    expect(framesOf(options, wire)).toEqual([frame]);
  });

  it('gives the same frames in any cut', () => {
    verifyDecoder(
      [
        {
          bytes: bytes('7e 01 7d5e 7e 7e 7d5d7d5d 7e 02 7e'),
          messages: [bytes('017e'), bytes('7d7d'), bytes('02')],
        },
      ],
      () => decoder(),
    );
  });

  it('takes one flag as the end of a frame and the beginning of the next, and drops empty frames', () => {
    expect(framesOf({}, '7e7e 01 7e 02 7e7e7e 03 7e')).toEqual(['01', '02', '03']);
  });

  it('holds nothing after a flag, so that a silent peer has no unfinished frame', () => {
    const channel = new NotingChannel(decoder({ frameTimeoutMs: 5 }));
    channel.feed(bytes('7e 01 7e')).advance(60_000);
    expect([channel.isOpen, channel.noted()]).toEqual([true, ['\x01']]);
    channel.feed(bytes('02')).advance(5);
    expect(channel.noted()).toEqual(['!HR_ERR_TIMEOUT_READ']);
  });

  it('drops what comes before the first flag', () => {
    expect(framesOf({}, '0d0a', '41 7e 01 7e')).toEqual(['01']);
  });

  it('reports a beginning that has no flag within the length of a frame, once', () => {
    const channel = new NotingChannel(decoder());
    channel.feed('GET / HTTP/1.1\r\n').feed('Host: x\r\n').feed(bytes('7e 01 7e'));
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG', '\x01']);
    expect(channel.errors[0]!.message).toContain('the peer seems to speak HTTP');
  });

  it('drops a frame that its sender aborted', () => {
    expect(framesOf({}, '7e 01 02 7d', '7e 03 7e')).toEqual(['03']);
  });

  it('counts a frame without its escapes, and reports it as soon as it is too long', () => {
    const whole = '7e 7d5e7d5e7d5e7d5e7d5e7d5e7d5e7d5e 7e';
    expect(framesOf({}, whole)).toEqual(['7e7e7e7e7e7e7e7e']);
    const channel = new NotingChannel(decoder());
    channel.feed(bytes('7e 010203040506070809'));
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    channel.feed(bytes('0a0b 7e 0c 7e'));
    expect(channel.noted()).toEqual(['\x0c']);
    const { details } = channel.errors[0] as DecodeError;
    expect(details).toMatchObject({ length: 'at least 9', maxFrameLength: 8 });
  });

  it('refuses an escape before a byte that is in no pair, and goes on at the next flag', () => {
    const reads = ['7e 01 7d 03 7e', '04 7e'];
    expect(framesOf({ transposition: JTT808 }, ...reads)).toEqual(['!HR_ERR_FRAME_CORRUPT', '04']);
    const close = { transposition: JTT808, frameErrorPolicy: 'close' } as const;
    expect(framesOf(close, ...reads)).toEqual(['!HR_ERR_FRAME_CORRUPT']);
  });

  it('changes no byte of the read, which other handlers may have kept', () => {
    const read = bytes('7e 01 7d5e 7e');
    const channel = new EmbeddedChannel(decoder());
    channel.writeInbound(read);
    expect([channel.readInbound(), read]).toEqual([bytes('017e'), bytes('7e 01 7d5e 7e')]);
  });

  it('copies a frame with escapes into memory of its own below copyBelowBytes', () => {
    const channel = new EmbeddedChannel(decoder({ copyBelowBytes: 100 }));
    channel.writeInbound(bytes('7e 01 7d5e 7e'));
    expect(channel.readInbound<Buffer>()!.buffer.byteLength).toBe(2);
  });
});

describe('FlagFrameEncoder', () => {
  it.each<[string, FlagFraming, string, string]>([
    ['HDLC', {}, '017e027d', '7e 01 7d5e 02 7d5d 7e'],
    ['JT/T 808', { transposition: JTT808 }, '017e027d', '7e 01 7d02 02 7d01 7e'],
    ['SLIP', SLIP, '01c002db', 'c0 01 dbdc 02 dbdd c0'],
    [
      'with other bytes',
      {
        transposition: [
          [0x7e, 0x5e],
          [0x7d, 0x5d],
          [0x11, 0x31],
        ] as const,
      },
      '117e',
      '7e 7d31 7d5e 7e',
    ],
  ])('escapes what the framing needs: %s', (_name, options, body, wire) => {
    const channel = new EmbeddedChannel(new FlagFrameEncoder(options));
    channel.writeOutbound(bytes(body));
    expect(channel.readOutbound()).toEqual(bytes(wire));
  });

  it('fails the write of an empty message and of one over the limit', () => {
    const channel = new EmbeddedChannel(new FlagFrameEncoder({ maxFrameLength: 2 }));
    expect(() => channel.writeOutbound(Buffer.alloc(0))).toThrow(
      expect.objectContaining({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' }),
    );
    expect(() => channel.writeOutbound(Buffer.alloc(3))).toThrow(
      'a frame of 3 bytes is longer than maxFrameLength, 2',
    );
  });
});

describe('a framing by flags', () => {
  it.each<[FlagFraming, string]>([
    [{ flag: 0x7d }, 'escape is 125, but must be another byte than flag'],
    [{ flag: 256 }, 'flag is 256'],
    [{ transposition: 0 }, 'transposition is 0, but must be a number from 1 to 255, or a list'],
    [{ transposition: [[0x7e]] as never }, 'transposition is [[126]], but must be'],
    [{ transposition: [[0x7e, 2]] as const }, 'but must replace the byte 125'],
    [{ transposition: 0x03, flag: 0x7e, escape: 0x7d }, 'but must replace no byte by the flag'],
    [
      { transposition: [...JTT808, [0x01, 0x7e]] as const },
      'transposition is 1,126, but must replace no byte by the flag',
    ],
    [
      { transposition: [...JTT808, [0x11, 0x02]] as const },
      'transposition is 17,2, but must name each byte and code once',
    ],
  ])('is refused if it is not clear: %j', (options, text) => {
    expect(() => decoder(options)).toThrow(text);
    expect(() => new FlagFrameEncoder(options)).toThrow(text);
  });
});
