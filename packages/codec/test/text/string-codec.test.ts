import {
  LengthFieldPrepender,
  LineFrameDecoder,
  StreamingStringDecoder,
  StringCodec,
  StringEncoder,
} from '@headrace/codec';
import { ChannelGroup, type Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../decoder-harness.ts';

describe('StringCodec', () => {
  it('turns bytes into strings and strings into bytes, as UTF-8', () => {
    const channel = new EmbeddedChannel(new StringCodec());
    channel.writeInbound(Buffer.from('héllo €😀'));
    expect(channel.readInbound()).toBe('héllo €😀');
    channel.writeOutbound('é');
    expect(channel.readOutbound<Buffer>()!.toString('hex')).toBe('c3a9');
  });

  it('encodes a text behind its length, into the memory of the output, and a large one alone', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (texts) => {
        const channel = new EmbeddedChannel(
          new LengthFieldPrepender({ lengthFieldLength: 2 }),
          new StringCodec(),
        );
        for (const text of texts) channel.pipeline.write(text);
        channel.pipeline.flush();
        const sent = Buffer.concat(texts.map(() => channel.readOutbound<Buffer>()!));
        const frames = texts.map((text) => {
          const bytes = Buffer.from(text);
          return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
        });
        expect(sent.equals(Buffer.concat(frames))).toBe(true);
      }),
    );
    const encode = (text: string) => new StringCodec().encode(text);
    const short = encode('é'.repeat(8192));
    const long = encode('é'.repeat(8193));
    expect([Buffer.isBuffer(short), short.byteLength]).toEqual([false, 16_384]);
    expect([Buffer.isBuffer(long), long.byteLength]).toEqual([true, 16_386]);
  });

  it('takes a real replacement character and a byte order mark for what they are', () => {
    const channel = new EmbeddedChannel(new StringCodec());
    channel.writeInbound(Buffer.from('\uFEFFa\uFFFDb'));
    expect(channel.readInbound()).toBe('\uFEFFa\uFFFDb');
  });

  it.each([
    ['a lone continuation', '6180', 1],
    ['a cut-off character', '61e282', 1],
    ['an overlong slash', 'c0af', 0],
    ['a surrogate', 'eda080', 0],
    ['past the last character', '6162f4908080', 2],
    ['after a real replacement character', 'efbfbdff', 3],
  ])('refuses bytes that are not UTF-8: %s', (_name, hex, at) => {
    const channel = new EmbeddedChannel(new StringCodec());
    expect(() => channel.writeInbound(Buffer.from(hex, 'hex'))).toThrow(
      new RegExp(`not UTF-8: byte ${at} does not begin a character`),
    );
  });

  it('agrees with the strict TextDecoder on any bytes', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        let expected: string;
        try {
          expected = strict.decode(bytes);
        } catch {
          expected = '!HR_ERR_TEXT_NOT_UTF8';
        }
        const channel = new NotingChannel(new StringCodec());
        channel.feed(bytes);
        expect(channel.noted()).toEqual([expected]);
      }),
    );
  });

  it('answers bad bytes from exceptionCaught, then nothing more of that read is decoded', () => {
    const seen: unknown[] = [];
    const app: Handler = {
      channelRead: (_ctx, message) => void seen.push(message),
      exceptionCaught: (ctx) => {
        ctx.write('ERR:BAD_UTF8');
        ctx.channel.end({ reason: 'bad-input' });
      },
    };
    const channel = new EmbeddedChannel(
      new LineFrameDecoder(),
      new StringCodec({ delimiter: '\n' }),
      app,
    );
    channel.writeInbound(Buffer.from('a\n\xff\nb\n', 'latin1'));
    expect(seen).toEqual(['a']);
    expect(String(channel.readOutbound())).toBe('ERR:BAD_UTF8\n');
  });

  it('encodes once for a broadcast', () => {
    const channels = [1, 2].map(() => new EmbeddedChannel(new StringCodec({ delimiter: '\n' })));
    const group = new ChannelGroup('all');
    for (const channel of channels) group.add(channel);
    group.writeAndFlush('hi');
    const [one, other] = channels.map((channel) => channel.readOutbound<Buffer>());
    expect(String(one)).toBe('hi\n');
    expect(other).toBe(one);
  });

  it.each([
    ['\n', 'SAY hi\nKICK bob'],
    ['\n', 'hi\r'],
    ['\r\n', 'a\r\nb'],
    ['\r\n', 'a\nb'],
    ['\r\n', 'a\r'],
    ['\r', 'a\nb'],
    ['\0', 'a\0b'],
    [';;', 'a;;b'],
    [';;', 'a;'],
    ['aab', 'aaba'],
  ])('fails the write of a text that its delimiter %j does not end: %j', (delimiter, text) => {
    for (const handler of [new StringCodec({ delimiter }), new StringEncoder({ delimiter })]) {
      const channel = new EmbeddedChannel(handler);
      expect(() => channel.writeOutbound(text)).toThrow(
        expect.objectContaining({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' }),
      );
      expect(channel.readOutbound()).toBeUndefined();
    }
  });

  it('writes line breaks if no line end is its delimiter', () => {
    for (const delimiter of ['', '\0', '\r\n.\r\n']) {
      const channel = new EmbeddedChannel(new StringCodec({ delimiter }));
      channel.writeOutbound('a\r\nb');
      expect(String(channel.readOutbound())).toBe(`a\r\nb${delimiter}`);
    }
  });

  it('fails the write of half a surrogate pair', () => {
    for (const text of ['hi \ud83d', '\ude00', 'a\ud83db']) {
      const channel = new EmbeddedChannel(new StringCodec());
      expect(() => channel.writeOutbound(text)).toThrow(/half of a surrogate pair/);
    }
  });

  it('gives nothing where nothing came', () => {
    expect(outcome(new StringCodec())).toEqual([]);
  });
});

describe('StreamingStringDecoder', () => {
  it('gives whole characters however the stream was cut', () => {
    const bytes = Buffer.from('aé€😀z');
    const singles = [...bytes].map((byte) => Buffer.from([byte]));
    expect(outcome(new StreamingStringDecoder(), ...singles).join('')).toBe('aé€😀z');
  });

  it('refuses bad bytes, and a character that the end cuts off', () => {
    expect(outcome(new StreamingStringDecoder(), 'a\xff', 'b')).toEqual([
      'a',
      '!HR_ERR_TEXT_NOT_UTF8',
    ]);
    expect(outcome(new StreamingStringDecoder(), 'a\xc3')).toEqual(['a', '!HR_ERR_TEXT_NOT_UTF8']);
  });

  it('refuses a character that the end of the input cuts off, once', () => {
    const decoder = new StreamingStringDecoder();
    const channel = EmbeddedChannel.with({ allowHalfOpen: true }, decoder);
    channel.writeInbound(Buffer.from('a\xc3', 'latin1'));
    channel.endInput();
    expect(() => channel.checkException()).toThrow('not UTF-8');
    channel.close();
    channel.checkException();
  });
});
