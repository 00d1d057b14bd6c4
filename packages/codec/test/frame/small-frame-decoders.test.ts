import {
  FixedLengthFrameDecoder,
  lengthPrefixed,
  StringCodec,
  textLines,
  VarintFrameDecoder,
  VarintPrepender,
  varintPrefixed,
} from '@headrace/codec';
import { OptionError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../decoder-harness.ts';

describe('FixedLengthFrameDecoder', () => {
  it('gives frames of exactly that length and keeps the rest', () => {
    const decoder = new FixedLengthFrameDecoder({ frameLength: 3 });
    expect(outcome(decoder, 'abcd', 'efgh')).toEqual(['abc', 'def']);
    for (const frameLength of [0, -1, 1.5]) {
      expect(() => new FixedLengthFrameDecoder({ frameLength })).toThrow(OptionError);
    }
  });
});

const varint = (maxFrameLength = 3000): VarintFrameDecoder =>
  new VarintFrameDecoder({ maxFrameLength, frameErrorPolicy: 'emit' });

describe('VarintFrameDecoder', () => {
  it('reads lengths of several bytes and waits for header and body', () => {
    const body = 'x'.repeat(2046);
    expect(outcome(varint(), '\x01a\xfe', '\x0f', body, '\0')).toEqual(['a', body, '']);
  });

  it('a fifth byte that goes on, or a negative length, is corrupt', () => {
    expect(outcome(varint(), '\xff\xff\xff\xff\xff')).toEqual(['!HR_ERR_FRAME_CORRUPT']);
    expect(outcome(varint(), '\xff\xff\xff\xff\x0f')).toEqual(['!HR_ERR_FRAME_CORRUPT']);
  });

  it('leaves out exactly a frame over the maximum', () => {
    const channel = new NotingChannel(varint(3));
    channel.feed('\x04ab').feed('cd\x01e');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG', 'e']);
  });
});

describe('VarintPrepender', () => {
  it.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2_097_151, 'ffff7f'],
    [2_097_152, '80808001'],
  ])('writes the shortest length for %i bytes', (size, hex) => {
    const channel = new EmbeddedChannel(new VarintPrepender());
    channel.writeOutbound(Buffer.alloc(size));
    const bytes = channel.readOutbound<Buffer>()!;
    expect(bytes.subarray(0, bytes.length - size).toString('hex')).toBe(hex);
  });

  it('fails the write of a body over the limit', () => {
    const channel = new EmbeddedChannel(new VarintPrepender({ maxBodyLength: 2 }));
    expect(() => channel.writeOutbound(Buffer.alloc(3))).toThrow(/longer than maxBodyLength, 2/);
  });
});

describe('the presets', () => {
  it('lengthPrefixed limits the message, without its length, both ways', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(
      ...lengthPrefixed({ bytes: 2, maxFrameLength: 3, byteOrder: 'little' }),
      new StringCodec(),
    );
    channel.writeOutbound('abc');
    const bytes = channel.readOutbound<Buffer>()!;
    expect(bytes.toString('latin1')).toBe('\x03\0abc');
    channel.writeInbound(bytes);
    expect(channel.readInbound()).toBe('abc');
    expect(() => channel.writeOutbound('abcd')).toThrow(/maxBodyLength/);
    expect(() => channel.writeInbound(Buffer.from('\x04\0abcd'))).toThrow(/maxFrameLength/);
  });

  it('varintPrefixed gives back what it wrote', () => {
    const channel = new EmbeddedChannel(...varintPrefixed({ maxFrameLength: 300 }));
    channel.writeOutbound(Buffer.alloc(300, 1));
    channel.writeInbound(channel.readOutbound());
    expect(channel.readInbound()).toEqual(Buffer.alloc(300, 1));
  });

  it('textLines speaks lines', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(...textLines({ maxLength: 10, delimiter: '\r\n' }));
    channel.writeOutbound('ho');
    channel.writeInbound(Buffer.from('hi\n'));
    expect([String(channel.readOutbound()), channel.readInbound()]).toEqual(['ho\r\n', 'hi']);
  });
});
