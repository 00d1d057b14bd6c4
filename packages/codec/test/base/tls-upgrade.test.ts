import * as own from '@headrace/codec';
import {
  ByteToMessageDecoder,
  CompressionCodec,
  ContentLengthFrameDecoder,
  DatagramDecoder,
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  FlagFrameDecoder,
  JsonCodec,
  JsonDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  MessageToMessageCodec,
  MessageToMessageDecoder,
  ProxyProtocolDecoder,
  type Several,
  StreamingStringDecoder,
  StringCodec,
  StringDecoder,
  several,
  VarintFrameDecoder,
} from '@headrace/codec';
import { type Context, type Handler, type Pipeline, TlsUpgradeEvent } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import * as mqtt from '@headrace/mqtt';
import { MqttDecoder } from '@headrace/mqtt';
import * as resp from '@headrace/resp';
import { RespCodec, RespDecoder } from '@headrace/resp';
import * as stomp from '@headrace/stomp';
import { StompDecoder } from '@headrace/stomp';
import { describe, expect, it } from 'vitest';

const everything = { ...own, ...mqtt, ...resp, ...stomp };

/** Asks what is held, as an upgrade to TLS does, when the line comes that begins it. */
class Asking implements Handler {
  held: number | undefined = undefined;

  channelRead(ctx: Context, line: Buffer): void {
    if (line.toString() === 'STARTTLS') this.held = held(ctx.pipeline);
  }
}

function held(pipeline: Pipeline): number {
  const event = new TlsUpgradeEvent();
  pipeline.fireUserEventTriggered(event);
  return event.heldBytes;
}

function heldAfter(...reads: readonly string[]): number | undefined {
  const asking = new Asking();
  const channel = new EmbeddedChannel(new LineFrameDecoder({ maxLength: 80 }), asking);
  for (const read of reads) channel.writeInbound(Buffer.from(read));
  channel.finish();
  return asking.held;
}

describe('a decoder before an upgrade to TLS', () => {
  it('reports whole frames and parts after the one that asks for it', () => {
    expect(heldAfter('STARTTLS\nEVIL\nHAL')).toBe(8);
    expect(heldAfter('STARTTLS\nHAL')).toBe(3);
    expect(heldAfter('x\nSTART', 'TLS\nE')).toBe(1);
  });

  it('holds nothing when nothing came after it', () => {
    expect(heldAfter('STARTTLS\n')).toBe(0);
    expect(heldAfter('STAR', 'TTLS\n')).toBe(0);
  });
});

/** A codec that bytes go into: after what bytes it holds how many. */
interface Case {
  readonly make: () => Handler;
  /** Bytes, and what is held after them. */
  readonly held: readonly (readonly [bytes: string, held: number])[];
}

/** Codecs that keep nothing from one read to the next. */
const NOTHING: Case['held'] = [];
const skipping = { frameErrorPolicy: 'skip' } as const;

/** All codecs of the package that read bytes. One that is missing here fails the last test. */
const CODECS: Readonly<Record<string, Case>> = {
  ContentLengthFrameDecoder: {
    make: () => new ContentLengthFrameDecoder({ maxFrameLength: 4, ...skipping }),
    held: [
      ['Content-', 8],
      ['Content-Length: 2\r\n\r\na', 22],
      ['Content-Length: 2\r\n\r\nab', 0],
      ['Content-Length: 9\r\n\r\nab', 1],
      ['no header\r\nX: y', 1],
      ['no header\r\n\r\n', 0],
    ],
  },
  DelimiterFrameDecoder: {
    make: () => new DelimiterFrameDecoder({ delimiters: [';;'], maxFrameLength: 4, ...skipping }),
    held: [
      ['ab;', 3],
      ['ab;;', 0],
      ['abcdef', 1],
    ],
  },
  FixedLengthFrameDecoder: {
    make: () => new FixedLengthFrameDecoder({ frameLength: 3 }),
    held: [
      ['abcd', 1],
      ['abc', 0],
    ],
  },
  FlagFrameDecoder: {
    make: () => new FlagFrameDecoder({ maxFrameLength: 4, ...skipping }),
    held: [
      ['~ab', 2],
      ['~ab~', 0],
      ['~abcdef', 1],
      ['ab', 1],
    ],
  },
  JsonObjectDecoder: {
    make: () =>
      new JsonObjectDecoder({ maxObjectLength: 6, streamArrayElements: true, ...skipping }),
    held: [
      ['{"a', 3],
      ['{}', 0],
      ['[', 1],
      ['[1]', 0],
      ['{"abcdef', 1],
    ],
  },
  LengthFieldFrameDecoder: {
    make: () =>
      new LengthFieldFrameDecoder({ maxFrameLength: 4, lengthFieldLength: 1, ...skipping }),
    held: [
      ['\x02a', 2],
      ['\x01a', 0],
      ['\x09a', 1],
    ],
  },
  LineFrameDecoder: {
    make: () => new LineFrameDecoder({ maxLength: 4, ...skipping }),
    held: [
      ['ab\r', 3],
      ['ab\r\n', 0],
      ['abcdef', 1],
    ],
  },
  MqttDecoder: {
    make: () => new MqttDecoder({ maxPacketBytes: 4, ...skipping }),
    held: [
      ['\xc0', 1],
      ['\xc0\0', 0],
      ['\x30\x09', 1],
    ],
  },
  ProxyProtocolDecoder: {
    make: () => new ProxyProtocolDecoder({ trusted: 'any', refusal: 'at-its-end' }),
    held: [
      ['PROXY TCP4', 10],
      ['PROXY UNKNOWN\r\n', 0],
      [`PROXY ${'x'.repeat(200)}`, 1],
    ],
  },
  RespCodec: {
    make: () => new RespCodec(),
    held: [
      ['$5\r\nhel', 3],
      ['$5\r\n', 1],
      ['$1\r\na\r\n', 0],
      ['*2\r\n:1\r\n', 1],
      ['*1\r\n:1\r\n', 0],
      ['$?\r\n', 1],
    ],
  },
  RespDecoder: {
    make: () => new RespDecoder(),
    held: [
      ['$5\r\nhel', 3],
      ['$1\r\na\r\n', 0],
      ['*2\r\n:1\r\n', 1],
    ],
  },
  StompDecoder: {
    make: () => new StompDecoder(),
    held: [
      ['SEND\na', 6],
      ['SEND\n\n', 1],
      ['SEND\n\n\0', 0],
    ],
  },
  StreamingStringDecoder: {
    make: () => new StreamingStringDecoder(),
    held: [
      ['a\xe2\x82', 2],
      ['a', 0],
    ],
  },
  VarintFrameDecoder: {
    make: () => new VarintFrameDecoder({ maxFrameLength: 4, ...skipping }),
    held: [
      ['\x02a', 2],
      ['\x01a', 0],
      ['\x09a', 1],
    ],
  },
  CompressionCodec: {
    make: () => new CompressionCodec({ format: 'gzip', ...skipping }),
    held: NOTHING,
  },
  DatagramDecoder: {
    make: () => new DatagramDecoder(() => new LineFrameDecoder(), skipping),
    held: NOTHING,
  },
  JsonDecoder: { make: () => new JsonDecoder(skipping), held: NOTHING },
  StringDecoder: { make: () => new StringDecoder(skipping), held: NOTHING },
  JsonCodec: { make: () => new JsonCodec(skipping), held: NOTHING },
  StringCodec: { make: () => new StringCodec(skipping), held: NOTHING },
};

const words = (bytes: Buffer): Several<Buffer> =>
  several(
    ...bytes
      .toString()
      .split(' ')
      .map((word) => Buffer.from(word)),
  );

class Words extends MessageToMessageDecoder<Buffer, Buffer> {
  override decode(_ctx: Context, bytes: Buffer): Several<Buffer> {
    return words(bytes);
  }
}

class WordsCodec extends MessageToMessageCodec<Buffer, Buffer> {
  override decode(_ctx: Context, bytes: Buffer): Several<Buffer> {
    return words(bytes);
  }

  override encode(bytes: Buffer): Buffer {
    return bytes;
  }
}

/** Base classes, and encoders, which see no input. */
const OTHERS: readonly unknown[] = [
  ByteToMessageDecoder,
  MessageToMessageCodec,
  MessageToMessageDecoder,
  everything.SchemaCodec,
];

describe('every codec that bytes go into', () => {
  it.each(Object.entries(CODECS))('%s answers the event with what it holds', (_name, codec) => {
    for (const [bytes, expected] of codec.held) {
      const channel = new EmbeddedChannel(codec.make());
      channel.writeInbound(Buffer.from(bytes, 'latin1'));
      expect(held(channel.pipeline), JSON.stringify(bytes)).toBe(expected);
      const dripped = new EmbeddedChannel(codec.make());
      for (const byte of Buffer.from(bytes, 'latin1')) dripped.writeInbound(Buffer.of(byte));
      expect(held(dripped.pipeline) > 0, `${JSON.stringify(bytes)}, byte by byte`).toBe(
        expected > 0,
      );
    }
    if (codec.held === NOTHING) {
      const channel = new EmbeddedChannel(codec.make());
      channel.writeInbound(Buffer.from('{"a'));
      expect(held(channel.pipeline)).toBe(0);
    }
  });

  it.each([
    ['MessageToMessageDecoder', () => new Words()],
    ['MessageToMessageCodec', () => new WordsCodec()],
  ])('answers with the messages that wait for a hold on reads: %s', (_name, make) => {
    const channel = new EmbeddedChannel(make(), {
      channelRead: (ctx: Context) => void ctx.channel.holdReads('test'),
    });
    channel.writeInbound(Buffer.from('STARTTLS'));
    expect(held(channel.pipeline)).toBe(0);
    const other = new EmbeddedChannel(make(), {
      channelRead: (ctx: Context) => void ctx.channel.holdReads('test'),
    });
    other.writeInbound(Buffer.from('STARTTLS EVIL'), Buffer.from('MORE'));
    expect(held(other.pipeline)).toBe(8);
  });

  it('is in the list above', () => {
    const reading = Object.entries(everything).filter(
      ([, exported]) =>
        typeof exported === 'function' &&
        'channelRead' in (exported.prototype ?? {}) &&
        !OTHERS.includes(exported),
    );
    expect(reading.map(([name]) => name).sort()).toEqual(Object.keys(CODECS).sort());
  });
});
