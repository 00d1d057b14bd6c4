import { LengthFieldFrameDecoder } from '@headrace/codec';
import { DecodeError, OptionError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { LengthFieldFrameDecoderOptions } from '../../src/frame/length-field-frame-decoder.ts';
import { NotingChannel, outcome } from '../decoder-harness.ts';

const TEXT = 'HELLO, WORLD';

function decoder(options: Partial<LengthFieldFrameDecoderOptions> = {}): LengthFieldFrameDecoder {
  return new LengthFieldFrameDecoder({ maxFrameLength: 100, lengthFieldLength: 2, ...options });
}

function errorOf(bytes: Uint8Array, options: Partial<LengthFieldFrameDecoderOptions>): DecodeError {
  const channel = new EmbeddedChannel(decoder(options));
  try {
    channel.writeInbound(bytes);
  } catch (error) {
    return error as DecodeError;
  }
  throw new Error('no error came');
}

describe('LengthFieldFrameDecoder', () => {
  it.each<[string, Partial<LengthFieldFrameDecoderOptions>, string, string]>([
    ['A', {}, '\0\x0c', `\0\x0c${TEXT}`],
    ['B', { initialBytesToStrip: 2 }, '\0\x0c', TEXT],
    ['C', { lengthAdjustment: -2 }, '\0\x0e', `\0\x0e${TEXT}`],
    [
      'D',
      { lengthFieldOffset: 2, lengthFieldLength: 3 },
      '\xca\xfe\0\0\x0c',
      `\xca\xfe\0\0\x0c${TEXT}`,
    ],
    [
      'E',
      { lengthFieldLength: 3, lengthAdjustment: 2 },
      '\0\0\x0c\xca\xfe',
      `\0\0\x0c\xca\xfe${TEXT}`,
    ],
    [
      'F',
      { lengthFieldOffset: 1, lengthAdjustment: 1, initialBytesToStrip: 3 },
      '\xca\0\x0c\xfe',
      `\xfe${TEXT}`,
    ],
    [
      'G',
      { lengthFieldOffset: 1, lengthAdjustment: -3, initialBytesToStrip: 3 },
      '\xca\0\x10\xfe',
      `\xfe${TEXT}`,
    ],
  ])('%s: cuts the frame of this layout, also byte by byte', (_name, options, header, frame) => {
    const stream = Buffer.from(header + TEXT, 'latin1');
    expect(outcome(decoder(options), stream, stream)).toEqual([frame, frame]);
    const bytes = [...stream].map((byte) => Buffer.from([byte]));
    expect(outcome(decoder(options), ...bytes)).toEqual([frame]);
  });

  it.each([
    [1, 'big', '03'],
    [2, 'big', '0003'],
    [3, 'big', '000003'],
    [4, 'big', '00000003'],
    [8, 'big', '0000000000000003'],
    [2, 'little', '0300'],
    [3, 'little', '030000'],
    [4, 'little', '03000000'],
    [8, 'little', '0300000000000000'],
  ] as const)('reads a field of %i bytes, %s end first', (width, byteOrder, hex) => {
    const stream = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from('abc')]);
    const options = { lengthFieldLength: width, byteOrder, initialBytesToStrip: width };
    expect(outcome(decoder(options), stream)).toEqual(['abc']);
  });

  it('has the defaults of Netty, counts the body after the field, and waits for all of it', () => {
    const channel = new NotingChannel(decoder());
    channel.feed('\0');
    channel.feed('\x02a');
    expect(channel.noted()).toEqual([]);
    channel.feed('b');
    expect(channel.noted()).toEqual(['\0\x02ab']);
  });

  it('fields are unsigned, and 8 bytes past 2^53 are too long, not rounded', () => {
    expect(errorOf(Buffer.from('ffffffff', 'hex'), { lengthFieldLength: 4 }).code).toBe(
      'HR_ERR_FRAME_TOO_LONG',
    );
    for (const hex of ['0020000000000001', '7fffffffffffffff']) {
      const error = errorOf(Buffer.from(hex, 'hex'), { lengthFieldLength: 8 });
      expect(error.code).toBe('HR_ERR_FRAME_TOO_LONG');
    }
    const unlimited = { lengthFieldLength: 8, maxFrameLength: Number.POSITIVE_INFINITY } as const;
    const error = errorOf(Buffer.from('7fffffffffffffff', 'hex'), unlimited);
    expect(error.code).toBe('HR_ERR_FRAME_TOO_LONG');
  });

  it('a negative length is corrupt, and the header is left out', () => {
    const stream = Buffer.from(`80000000000000000000000000000001${'61'}`, 'hex');
    const options = {
      lengthFieldLength: 8,
      frameErrorPolicy: 'skip',
      initialBytesToStrip: 8,
    } as const;
    expect(outcome(decoder(options), stream)).toEqual(['a']);
    expect(errorOf(stream, { lengthFieldLength: 8 }).code).toBe('HR_ERR_FRAME_CORRUPT');
  });

  it('takes a frame of exactly the maximum, header included', () => {
    const options = { maxFrameLength: 5, initialBytesToStrip: 2 };
    expect(outcome(decoder(options), '\0\x03abc')).toEqual(['abc']);
    expect(outcome(decoder(options), '\0\x04abcd')).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
  });

  it('a length that makes the frame shorter than its header is corrupt', () => {
    const options = { lengthAdjustment: -2, frameErrorPolicy: 'skip' } as const;
    expect(outcome(decoder(options), '\0\x01\0\x03a')).toEqual(['\0\x03a']);
  });

  it('a frame shorter than what is to be stripped is corrupt, once', () => {
    const options = { initialBytesToStrip: 4, frameErrorPolicy: 'emit' } as const;
    const channel = new NotingChannel(decoder(options));
    channel.feed('\0\x01a');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_CORRUPT']);
    channel.feed('\0\x03abc');
    expect(channel.noted()).toEqual(['c']);
  });

  it('reports a too long frame as soon as its length is known, once', () => {
    const channel = new NotingChannel(decoder({ maxFrameLength: 4, frameErrorPolicy: 'emit' }));
    channel.feed('\0\x09');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    channel.feed('1234').feed('5678');
    expect(channel.noted()).toEqual([]);
    channel.feed('9\0\x01a');
    expect(channel.noted()).toEqual(['\0\x01a']);
  });

  it('with failFast off reports it when all of it was left out', () => {
    const options = { maxFrameLength: 4, failFast: false, frameErrorPolicy: 'emit' } as const;
    const channel = new NotingChannel(decoder(options));
    channel.feed('\0\x09').feed('12345678');
    expect(channel.noted()).toEqual([]);
    channel.feed('9\0\x01a');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    channel.advance(1);
    expect(channel.noted()).toEqual(['\0\x01a']);
  });

  it('leaves out exactly the long frame, again and again', () => {
    const options = { maxFrameLength: 4, frameErrorPolicy: 'skip' } as const;
    const round = ['\0\x05123', '45\0\x01a', '\0\x0612345', '6', '\0\x02bc'];
    expect(outcome(decoder(options), ...round, ...round)).toEqual([
      '\0\x01a',
      '\0\x02bc',
      '\0\x01a',
      '\0\x02bc',
    ]);
  });

  it('the error has the lengths, the first bytes and what the peer seems to speak', () => {
    const tls = errorOf(Buffer.from('1603010200010001fc0303', 'hex'), { lengthFieldLength: 4 });
    expect(tls.message).toBe(
      'a frame of 369295622 bytes is longer than maxFrameLength, 100 (it begins with ' +
        '16 03 01 02 00 01 00 01 fc 03 03; the peer seems to speak TLS (a ClientHello))',
    );
    expect(tls.details).toMatchObject({ length: 369295622, maxFrameLength: 100 });
    const guess = (text: string): string =>
      errorOf(Buffer.from(text, 'latin1'), { lengthFieldLength: 4 }).message;
    expect(guess('GET / HTTP/1.1\r\n')).toContain('speak HTTP');
    expect(guess('SSH-2.0-OpenSSH')).toContain('speak SSH');
    expect(guess('PROXY TCP4 ')).toContain('PROXY protocol (version 1)');
    expect(guess('\r\n\r\n\0\r\nQUIT\n!')).toContain('PROXY protocol (version 2)');
    expect(guess('rtbu')).not.toContain('seems');
  });

  it('only logs a frame that the end of the input cut off', () => {
    const lines: string[] = [];
    const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
    const channel = EmbeddedChannel.with({ logger }, decoder());
    channel.writeInbound(Buffer.from('\0\x09abc'));
    expect(channel.finish().inbound).toEqual([]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^debug .*5 bytes are dropped \(0009616263/);
  });

  it('a frame that does not come whole in 15 s ends the channel', () => {
    const channel = new NotingChannel(decoder());
    channel.feed('\0\x09abc');
    channel.advance(15_000);
    expect(channel.noted()).toEqual(['!HR_ERR_TIMEOUT_READ']);
    channel.advance(2000);
    expect(channel.isOpen).toBe(false);
  });

  it('keeps its own configuration, whatever others are made before it is used', () => {
    const base = { maxFrameLength: 64, lengthFieldLength: 2 } as const;
    const all: LengthFieldFrameDecoderOptions[] = [
      base,
      { ...base, maxFrameLength: 3 },
      { ...base, lengthFieldOffset: 1 },
      { ...base, lengthFieldLength: 1 },
      { ...base, lengthAdjustment: -1 },
      { ...base, initialBytesToStrip: 2 },
      { ...base, byteOrder: 'little' },
      base,
    ];
    const channels = all.map(
      (options) =>
        new EmbeddedChannel(new LengthFieldFrameDecoder({ frameErrorPolicy: 'skip', ...options })),
    );
    const frames = channels.map((channel) => {
      channel.writeInbound(Buffer.from([0, 2, 0, 7, 8]));
      return channel.readInbound<Buffer>()?.toString('hex');
    });
    expect(frames).toEqual([
      '00020007',
      undefined,
      undefined,
      '00',
      '000200',
      '0007',
      undefined,
      '00020007',
    ]);
  });

  it('refuses in the constructor what cannot be', () => {
    const bad: Partial<LengthFieldFrameDecoderOptions>[] = [
      { maxFrameLength: 0 },
      { maxFrameLength: 1 },
      { maxFrameLength: Number.NaN },
      { lengthFieldOffset: -1 },
      { lengthFieldOffset: 99 },
      { initialBytesToStrip: -1 },
      { lengthAdjustment: 0.5 },
      { lengthFieldLength: 5 as never },
      { byteOrder: 'middle' as never },
    ];
    for (const options of bad) expect(() => decoder(options)).toThrow(OptionError);
  });
});
