import {
  ContentLengthFrameDecoder,
  ContentLengthPrepender,
  contentLengthPrefixed,
  StringCodec,
} from '@headrace/codec';
import { OptionError } from '@headrace/core';
import { EmbeddedChannel, verifyDecoder } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../decoder-harness.ts';

const decoder = (maxFrameLength = 3000, maxHeaderLength = 100): ContentLengthFrameDecoder =>
  new ContentLengthFrameDecoder({ maxFrameLength, maxHeaderLength, frameErrorPolicy: 'emit' });

const framed = (body: string): string =>
  `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('ContentLengthFrameDecoder', () => {
  it('gives the same bodies however the stream is cut', () => {
    const long = 'é'.repeat(700);
    verifyDecoder(
      [
        { bytes: framed('{"a":1}'), messages: [Buffer.from('{"a":1}')] },
        { bytes: framed(''), messages: [Buffer.alloc(0)] },
        { bytes: framed(long), messages: [Buffer.from(long)] },
        { bytes: framed('a') + framed('bc'), messages: [Buffer.from('a'), Buffer.from('bc')] },
        {
          bytes:
            'Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:\t02 \r\n\r\nhi',
          messages: [Buffer.from('hi')],
        },
        { bytes: 'Content-Length: 2\r\nX-Y:\r\n\r\n\r\n', messages: [Buffer.from('\r\n')] },
      ],
      () => new ContentLengthFrameDecoder({ maxFrameLength: 2000 }),
    );
  });

  it.each([
    ['a line that is no header', 'GET / HTTP/1.1\r\n', /not a header .*speak HTTP/],
    ['a space before the colon', 'Content-Length : 2\r\n', /not a header/],
    ['a line without a name', 'X: y\r\n: 2\r\n', /not a header/],
    ['a first byte that begins no header', '\x16\x03\x01', /cannot begin like this .*TLS/],
    ['an empty header', '\r\n', /cannot begin like this/],
    ['a bare LF', 'Content-Length: 2\n', /LF without CR/],
    ['a bare LF at the start of a line', 'Content-Length: 2\r\n\n', /LF without CR/],
    ['a bare CR', 'Content-Length: 2\rX\r\n', /the byte 13/],
    ['no length', 'X: y\r\n\r\n', /without Content-Length/],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 2\r\n', /comes twice/],
    ['a negative length', 'Content-Length: -2\r\n', /not a number of bytes/],
    ['a sign', 'Content-Length: +2\r\n', /not a number of bytes/],
    ['an empty length', 'Content-Length: \r\n', /not a number of bytes/],
    ['a hexadecimal length', 'Content-Length: 0x2\r\n', /not a number of bytes/],
    [
      'more digits than a number holds',
      `Content-Length: ${'9'.repeat(16)}\r\n`,
      /not a number of bytes/,
    ],
  ])('refuses %s at once', (_, bytes, text) => {
    const errors: Error[] = [];
    const channel = new EmbeddedChannel(new ContentLengthFrameDecoder({ maxFrameLength: 10 }), {
      exceptionCaught: (_ctx, error) => void errors.push(error),
    });
    channel.writeInbound(Buffer.from(bytes, 'latin1'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'HR_ERR_FRAME_CORRUPT' });
    expect(errors[0]?.message).toMatch(text);
    expect(channel.isEnding).toBe(true);
  });

  it('leaves out exactly a body over the maximum, as soon as its length is known', () => {
    const channel = new NotingChannel(decoder(3));
    channel.feed('Content-Length: 4\r\n\r\nab');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    channel.feed(`cd${framed('e')}`);
    expect(channel.noted()).toEqual(['e']);
  });

  it('leaves out a header over the maximum, up to its empty line', () => {
    const tooLong = `X: ${'y'.repeat(100)}\r\nContent-Length: 1\r\n\r\n`;
    expect(outcome(decoder(), tooLong + framed('a'))).toEqual(['!HR_ERR_FRAME_TOO_LONG', 'a']);
    const channel = new NotingChannel(decoder());
    for (const byte of tooLong) channel.feed(byte);
    channel.feed(framed('a'));
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG', 'a']);
  });

  it('a header as long as the maximum is right, one byte more is not', () => {
    const header = `Content-Length: 1\r\nX: ${'y'.repeat(74)}\r\n\r\n`;
    expect(header).toHaveLength(100);
    expect(outcome(decoder(), `${header}a`)).toEqual(['a']);
    expect(outcome(decoder(3000, 99), `${header}a`)[0]).toBe('!HR_ERR_FRAME_TOO_LONG');
  });

  it('goes on after the header that it refused, where the policy says so', () => {
    expect(outcome(decoder(), `Content-Length: x\r\nX: y\r\n\r\n${framed('a')}`)).toEqual([
      '!HR_ERR_FRAME_CORRUPT',
      'a',
    ]);
  });

  it('refuses invalid options', () => {
    for (const options of [
      { maxFrameLength: -1 },
      { maxFrameLength: 10, maxHeaderLength: 31 },
      { maxFrameLength: 10, maxHeader: 100 },
    ]) {
      expect(() => new ContentLengthFrameDecoder(options)).toThrow(OptionError);
    }
  });

  it('makes another one with the same options', () => {
    const fresh = decoder(2, 40).fresh();
    expect(outcome(fresh, framed('abc'))).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    expect(outcome(fresh.fresh(), `X: ${'y'.repeat(40)}`)).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
  });
});

describe('ContentLengthPrepender', () => {
  it.each([0, 1, 9, 10, 99, 100, 12_345])('counts a body of %i bytes', (size) => {
    const channel = new EmbeddedChannel(new ContentLengthPrepender());
    channel.writeOutbound(Buffer.alloc(size, 'x'));
    expect(String(channel.readOutbound())).toBe(framed('x'.repeat(size)));
  });

  it('writes a body that is not a Buffer yet', () => {
    const channel = new EmbeddedChannel(new ContentLengthPrepender(), new ContentLengthPrepender());
    channel.writeOutbound(new Uint8Array([104, 105]));
    expect(String(channel.readOutbound())).toBe(framed(framed('hi')));
  });

  it('fails the write of a body over the limit', () => {
    const channel = new EmbeddedChannel(new ContentLengthPrepender({ maxBodyLength: 2 }));
    expect(() => channel.writeOutbound(Buffer.alloc(3))).toThrow(/longer than maxBodyLength, 2/);
  });
});

describe('contentLengthPrefixed', () => {
  it('limits bodies both ways', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(...contentLengthPrefixed({ maxFrameLength: 3 }), new StringCodec());
    channel.writeOutbound('abc');
    channel.writeInbound(channel.readOutbound());
    expect(channel.readInbound()).toBe('abc');
    expect(() => channel.writeOutbound('abcd')).toThrow(/maxBodyLength, 3/);
  });
});
