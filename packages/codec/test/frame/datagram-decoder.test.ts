import {
  type ByteInput,
  ByteToMessageDecoder,
  DatagramDecoder,
  DelimiterFrameDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
} from '@headrace/codec';
import type { Context, Types } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { MqttDecoder } from '@headrace/mqtt';
import { describe, expect, it } from 'vitest';

type AnyDecoder = () => ByteToMessageDecoder<Buffer, Types<{ reads: Buffer; passesOn: Buffer }>>;

/** A channel of datagrams. */
function channelWith<T>(decoder: DatagramDecoder<T>): EmbeddedChannel {
  const channel = EmbeddedChannel.with({ register: false }, decoder);
  channel.embedded.connectionless = { uncaught: () => {} };
  channel.register();
  return channel;
}

function textsOf(channel: EmbeddedChannel): string[] {
  const texts: string[] = [];
  for (let one = channel.readInbound(); one !== undefined; one = channel.readInbound()) {
    texts.push(one instanceof Uint8Array ? Buffer.from(one).toString() : JSON.stringify(one));
  }
  return texts;
}

const lengths = () =>
  new LengthFieldFrameDecoder({
    maxFrameLength: 100,
    lengthFieldLength: 1,
    initialBytesToStrip: 1,
  });
const lines =
  (failFast = false) =>
  () =>
    new LineFrameDecoder({ maxLength: 4, failFast });

describe('a datagram', () => {
  it.each<[string, AnyDecoder, string, string[]]>([
    ['lengths', lengths, '\x02ab\x00\x01c', ['ab', '', 'c']],
    ['lines', lines(), 'ab\r\nc\n', ['ab', 'c']],
    [
      'delimiters',
      () => new DelimiterFrameDecoder({ maxFrameLength: 9, delimiters: [Buffer.from(';')] }),
      'a;bc;',
      ['a', 'bc'],
    ],
    [
      'JSON objects',
      () => new JsonObjectDecoder({ maxObjectLength: 99 }),
      '{"a":1}[2]',
      ['{"a":1}', '[2]'],
    ],
    ['nothing', lengths, '', []],
  ])('gives all messages in it: %s', (_name, make, bytes, messages) => {
    const channel = channelWith(new DatagramDecoder(make));
    channel.writeInbound(Buffer.from(bytes));
    expect(textsOf(channel)).toEqual(messages);
  });

  it('with a packet of MQTT', () => {
    const channel = channelWith(new DatagramDecoder(() => new MqttDecoder()));
    channel.writeInbound(Buffer.from([0xc0, 0, 0xc0, 0]));
    expect(textsOf(channel)).toHaveLength(2);
  });

  it.each<[string, AnyDecoder, string, string]>([
    ['a frame without its end', lengths, '\x02ab\x05cd', 'FRAME_TRUNCATED'],
    ['a frame that is too long', lengths, '\x02ab\xff', 'FRAME_TOO_LONG'],
    ['a line without its end', lines(), 'ab\ncd', 'FRAME_TRUNCATED'],
    ['a line that is too long', lines(), 'ab\nabcdefgh\nc\n', 'FRAME_TOO_LONG'],
    ['a long line without its end', lines(), 'ab\nabcdefgh', 'FRAME_TRUNCATED'],
    ['a long line, found early', lines(true), 'ab\nabcdefgh', 'FRAME_TOO_LONG'],
  ])(
    'that is bad gives nothing but its error, and the next one is decoded: %s',
    (_n, make, bytes, code) => {
      const channel = channelWith(new DatagramDecoder(make));
      expect(() => channel.writeInbound(Buffer.from(bytes, 'latin1'))).toThrow(
        expect.objectContaining({ code: `HR_ERR_${code}` }),
      );
      expect(textsOf(channel)).toEqual([]);
      channel.writeInbound(Buffer.from(make === lengths ? '\x01z' : 'z\n'));
      expect(textsOf(channel)).toEqual(['z']);
      expect(channel.isOpen).toBe(true);
    },
  );

  it.each(['emit', 'skip'] as const)(
    'with the policy %s of the outer decoder',
    (frameErrorPolicy) => {
      const channel = channelWith(new DatagramDecoder(lines(), { frameErrorPolicy }));
      const write = () => channel.writeInbound(Buffer.from('ab\nabcdefgh\n'));
      if (frameErrorPolicy === 'emit') expect(write).toThrow('a line of 8 bytes');
      else write();
      expect(textsOf(channel)).toEqual([]);
    },
  );

  it('whose policy the inner decoder has is refused whole as well', () => {
    const skipping = () => new LineFrameDecoder({ maxLength: 4, frameErrorPolicy: 'skip' });
    const channel = channelWith(new DatagramDecoder(skipping));
    expect(() => channel.writeInbound(Buffer.from('ab\nabcdefgh\ncd\n'))).toThrow();
    expect(textsOf(channel)).toEqual([]);
  });
});

it('a datagram has a limit of messages, which wait in memory while reads are held', () => {
  const channel = channelWith(new DatagramDecoder(lines()));
  channel.writeInbound(Buffer.from('\n'.repeat(1024)));
  expect(textsOf(channel)).toHaveLength(1024);
  expect(() => channel.writeInbound(Buffer.from('\n'.repeat(1025)))).toThrow(
    'a datagram of 1025 bytes has more than 1024 messages',
  );
  expect(textsOf(channel)).toEqual([]);
});

it('an empty datagram is not a call of decode, as on a stream', () => {
  class Careless extends ByteToMessageDecoder<number> {
    protected override decode(_ctx: Context, input: ByteInput): number {
      if (input.length === 0) throw new Error('called with nothing');
      return input.take(1)[0]!;
    }
  }
  const channel = channelWith(new DatagramDecoder(() => new Careless()));
  channel.writeInbound(Buffer.alloc(0));
  expect(channel.isOpen).toBe(true);
});

it('a decoder that takes nothing for its message is found', () => {
  class Greedless extends ByteToMessageDecoder<string> {
    protected override decode(_ctx: Context, _input: ByteInput): string {
      return 'again';
    }
  }
  const channel = channelWith(new DatagramDecoder(() => new Greedless()));
  expect(() => channel.writeInbound(Buffer.from('a'))).toThrow('took no bytes for it');
});

it('on a channel of streams a bad message ends it', () => {
  const channel = new EmbeddedChannel(new DatagramDecoder(lengths));
  expect(() => channel.writeInbound(Buffer.from('\x05a'))).toThrow('2 bytes are dropped');
  expect(channel.discardsInput).toBe(true);
});

it('what makes no decoder is refused when it is given', () => {
  expect(() => new DatagramDecoder((() => ({})) as never)).toThrow(
    'make() is an object, but must be a ByteToMessageDecoder',
  );
  expect(() => new DatagramDecoder('x' as never)).toThrow('make');
});
