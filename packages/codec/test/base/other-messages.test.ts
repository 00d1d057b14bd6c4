import { create } from '@bufbuild/protobuf';
import { DurationSchema, TimestampSchema } from '@bufbuild/protobuf/wkt';
import * as own from '@headrace/codec';
import * as cbor from '@headrace/codec/cbor';
import * as msgpack from '@headrace/codec/msgpack';
import * as protobuf from '@headrace/codec/protobuf';
import { DecodeError, type Handler, isHeadraceError, pipeline } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import * as mqtt from '@headrace/mqtt';
import * as resp from '@headrace/resp';
import * as stomp from '@headrace/stomp';
import { describe, expect, it } from 'vitest';
import { NotingChannel } from '../decoder-harness.ts';

const codec = { ...own, ...mqtt, ...resp, ...stomp };

const BYTES = Buffer.from('bytes');
const MESSAGES = { bytes: BYTES, text: 'text', values: { a: 1 } } as const;
type Kind = keyof typeof MESSAGES;

interface Row {
  readonly make: (options: object) => Handler;
  /** What it does not read. */
  readonly unread?: readonly Kind[];
  /** What it does not write. */
  readonly unwritten?: readonly Kind[];
  /** It always refuses. */
  readonly isStrict?: boolean;
}

const NOT_BYTES = ['text', 'values'] as const;
const CODEC = { unread: NOT_BYTES, unwritten: ['bytes'] } as const;
const DECODER = { unread: NOT_BYTES } as const;
const PREPENDER = { unwritten: NOT_BYTES } as const;
const LENGTH = { lengthFieldLength: 2, maxFrameLength: 80 } as const;

/** Every decoder, encoder and codec of the package. */
const ROWS: Readonly<Record<string, Row>> = {
  CborCodec: { make: (given) => new cbor.CborCodec(given), ...CODEC },
  CompressionCodec: {
    make: (given) => new codec.CompressionCodec({ format: 'gzip', ...given }),
    unread: NOT_BYTES,
    unwritten: NOT_BYTES,
  },
  ContentLengthFrameDecoder: {
    make: (given) => new codec.ContentLengthFrameDecoder({ maxFrameLength: 80, ...given }),
    ...DECODER,
  },
  ContentLengthPrepender: {
    make: (given) => new codec.ContentLengthPrepender(given),
    ...PREPENDER,
  },
  DatagramDecoder: {
    make: (given) => new codec.DatagramDecoder(() => new codec.LineFrameDecoder(), given),
    ...DECODER,
  },
  DelimiterFrameDecoder: {
    make: (given) =>
      new codec.DelimiterFrameDecoder({ delimiters: [';'], maxFrameLength: 80, ...given }),
    ...DECODER,
  },
  FixedLengthFrameDecoder: {
    make: (given) => new codec.FixedLengthFrameDecoder({ frameLength: 3, ...given }),
    ...DECODER,
  },
  FlagFrameDecoder: {
    make: (given) => new codec.FlagFrameDecoder({ maxFrameLength: 80, ...given }),
    ...DECODER,
  },
  FlagFrameEncoder: { make: (given) => new codec.FlagFrameEncoder(given), ...PREPENDER },
  JsonCodec: { make: (given) => new codec.JsonCodec(given), ...CODEC },
  JsonDecoder: { make: (given) => new codec.JsonDecoder(given), ...DECODER },
  JsonEncoder: { make: (given) => new codec.JsonEncoder(given), unwritten: ['bytes'] },
  JsonObjectDecoder: { make: (given) => new codec.JsonObjectDecoder(given), ...DECODER },
  LengthFieldFrameDecoder: {
    make: (given) => new codec.LengthFieldFrameDecoder({ ...LENGTH, ...given }),
    ...DECODER,
  },
  LengthFieldPrepender: {
    make: (given) => new codec.LengthFieldPrepender({ lengthFieldLength: 2, ...given }),
    ...PREPENDER,
  },
  LineFrameDecoder: { make: (given) => new codec.LineFrameDecoder(given), ...DECODER },
  MqttDecoder: { make: (given) => new codec.MqttDecoder(given), ...DECODER },
  MqttEncoder: {
    make: (given) => new codec.MqttEncoder(given),
    unwritten: ['bytes', 'text', 'values'],
  },
  MsgpackCodec: { make: (given) => new msgpack.MsgpackCodec(given), ...CODEC },
  ProtobufCodec: {
    make: (given) => new protobuf.ProtobufCodec({ schema: DurationSchema, ...given }),
    unread: NOT_BYTES,
    unwritten: ['bytes', 'text', 'values'],
  },
  ProxyProtocolDecoder: {
    make: () => new codec.ProxyProtocolDecoder({ trusted: 'any' }),
    ...DECODER,
    isStrict: true,
  },
  RespCodec: { make: () => new codec.RespCodec(), ...DECODER, isStrict: true },
  RespDecoder: { make: () => new codec.RespDecoder(), ...DECODER, isStrict: true },
  StompDecoder: { make: () => new codec.StompDecoder(), ...DECODER, isStrict: true },
  StompEncoder: {
    make: (given) => new codec.StompEncoder(given),
    unwritten: ['bytes', 'text', 'values'],
  },
  StreamingStringDecoder: {
    make: () => new codec.StreamingStringDecoder(),
    ...DECODER,
    isStrict: true,
  },
  StringCodec: {
    make: (given) => new codec.StringCodec(given),
    unread: NOT_BYTES,
    unwritten: ['bytes', 'values'],
  },
  StringDecoder: { make: (given) => new codec.StringDecoder(given), ...DECODER },
  StringEncoder: {
    make: (given) => new codec.StringEncoder(given),
    unwritten: ['bytes', 'values'],
  },
  VarintFrameDecoder: {
    make: (given) => new codec.VarintFrameDecoder({ maxFrameLength: 80, ...given }),
    ...DECODER,
  },
  VarintPrepender: { make: (given) => new codec.VarintPrepender(given), ...PREPENDER },
};

/** They take every message: the first sends a header before all output, the second has a form for all its values. */
const TAKE_ALL = ['ProxyProtocolEncoder', 'RespEncoder'];
const BASES = /^(ByteToMessageDecoder|MessageToMessage.*|SchemaCodec)$/;

const reads = Object.entries(ROWS).flatMap(([name, row]) =>
  (row.unread ?? []).map((kind) => [name, kind, row] as const),
);
const writes = Object.entries(ROWS).flatMap(([name, row]) =>
  (row.unwritten ?? []).map((kind) => [name, kind, row] as const),
);

describe('a message of a kind that a handler does not read', () => {
  it('is tested for every decoder, encoder and codec of the package', () => {
    const exported = Object.keys({ ...codec, ...cbor, ...msgpack, ...protobuf }).filter((name) =>
      /(Decoder|Encoder|Codec|Prepender)$/.test(name),
    );
    const names = exported.filter((name) => !BASES.test(name) && !TAKE_ALL.includes(name));
    expect(Object.keys(ROWS).sort()).toEqual(names.sort());
  });

  it.each(reads)('%s refuses %s, whatever its policy, and ends the channel', (name, kind, row) => {
    for (const frameErrorPolicy of row.isStrict ? ['close'] : ['close', 'skip', 'emit']) {
      const channel = new NotingChannel(row.make({ frameErrorPolicy }));
      channel.writeInbound(MESSAGES[kind], MESSAGES[kind]);
      expect(channel.noted()).toEqual(['!HR_ERR_MESSAGE_UNREADABLE']);
      expect(channel.errors[0]!.message).toBe(
        `${name} reads bytes, but gets ${kind} of the transport: put a handler between them that makes bytes of ${kind}`,
      );
      expect(channel.isOutputShutdown).toBe(true);
    }
  });

  it.each(reads.filter(([, , row]) => row.isStrict !== true))(
    '%s passes %s on if it is told to',
    (_name, kind, row) => {
      const channel = new EmbeddedChannel(row.make({ otherMessages: 'pass-on' }));
      channel.writeInbound(MESSAGES[kind]);
      expect(channel.readInbound()).toBe(MESSAGES[kind]);
    },
  );

  it.each(writes)('%s fails the write of %s', (name, kind, row) => {
    const channel = new EmbeddedChannel(row.make({}));
    const { error } = channel.writeAndFlush(MESSAGES[kind]);
    expect(isHeadraceError(error, 'MESSAGE_NOT_ENCODABLE')).toBe(true);
    expect(error?.message).toContain(`${name} accepts `);
    expect(channel.readOutbound()).toBeUndefined();
  });

  it.each(writes)('%s passes the write of %s on if it is told to', (_name, kind, row) => {
    const channel = new EmbeddedChannel(row.make({ otherMessages: 'pass-on' }));
    channel.writeOutbound(MESSAGES[kind]);
    expect(channel.readOutbound()).toBe(MESSAGES[kind]);
  });

  it('is one of another schema, too', () => {
    const channel = new EmbeddedChannel(new protobuf.ProtobufCodec({ schema: DurationSchema }));
    expect(channel.writeAndFlush(create(TimestampSchema) as never).error?.message).toContain(
      'ProtobufCodec accepts only certain values, and this is not one of them',
    );
  });
});

class Words extends codec.MessageToMessageDecoder<string, string> {
  override accepts(message: unknown): boolean {
    return typeof message === 'string';
  }
  override decode(_ctx: never, text: string): string {
    return text;
  }
}

describe('a wrong order', () => {
  const firstError = (...handlers: readonly Handler[]) => {
    const channel = new NotingChannel();
    for (const handler of handlers) channel.pipeline.addLast(handler as never);
    channel.feed('{"a":1}\n');
    expect(channel.noted()).toEqual(['!HR_ERR_MESSAGE_UNREADABLE']);
    return channel.errors[0]!.message;
  };

  it('is an error at the first message, with both handlers and the order to use', () => {
    expect(firstError(...codec.textLines(), new codec.JsonCodec())).toBe(
      'JsonCodec reads bytes, but StringCodec before it passes on text: leave StringCodec out, or put a handler ' +
        'between them that makes bytes of text',
    );
    expect(firstError(new codec.StringCodec(), new codec.LineFrameDecoder({ maxLength: 10 }))).toBe(
      'LineFrameDecoder reads bytes, but StringCodec before it passes on text: put LineFrameDecoder before StringCodec',
    );
    expect(firstError(new codec.JsonDecoder(), new Words())).toBe(
      'Words reads other messages, but JsonDecoder before it passes on values: leave JsonDecoder out, or put a ' +
        'handler between them that makes other messages of values',
    );
  });

  it('names a handler that does not declare what it passes on', () => {
    class Upper implements Handler {
      channelRead(ctx: Parameters<NonNullable<Handler['channelRead']>>[0], bytes: unknown): void {
        ctx.fireChannelRead(String(bytes).toUpperCase());
      }
    }
    expect(firstError(new Upper(), new codec.StringDecoder())).toContain(
      'gets text of the transport, or of a handler before it such as Upper: put a handler between',
    );
  });

  const writeError = (message: unknown, ...handlers: readonly Handler[]) => {
    const channel = new EmbeddedChannel();
    for (const handler of handlers) channel.pipeline.addLast(handler as never);
    return channel.writeAndFlush(message).error?.message;
  };

  it('is an error of the first write, too', () => {
    const prepender = new codec.LengthFieldPrepender({ lengthFieldLength: 2 });
    expect(writeError('hi', new codec.StringEncoder(), prepender)).toBe(
      'LengthFieldPrepender accepts bytes, but was given text, which StringEncoder before it accepts: put ' +
        'StringEncoder after LengthFieldPrepender',
    );
    expect(writeError({ a: 1 }, ...codec.textLines(), new codec.JsonEncoder())).toBe(
      'StringCodec accepts text, but JsonEncoder after it writes bytes: leave JsonEncoder out, or put a handler ' +
        'after it that makes text of bytes',
    );
  });

  it('is refused by a template that knows its handlers', () => {
    const refused = (...handlers: readonly Handler[]) =>
      expect(() => pipeline().add(...(handlers as never[])));
    refused(...codec.textLines(), new codec.JsonCodec()).toThrow(
      'JsonCodec reads bytes, but StringCodec before it passes on text',
    );
    refused(new codec.StringCodec(), new codec.LineFrameDecoder()).toThrow(
      'put LineFrameDecoder before StringCodec',
    );
    refused(
      new codec.StringEncoder(),
      new codec.LengthFieldPrepender({ lengthFieldLength: 2 }),
    ).toThrow('StringEncoder accepts text, but LengthFieldPrepender after it writes bytes');
    const lines = pipeline().add(...codec.textLines());
    expect(() => lines.add(new codec.JsonCodec() as never)).toThrow(/PIPELINE_ORDER|reads bytes/);
  });

  it('does not matter to a template where a text stands for a value', () => {
    const echo: Handler = {
      sharable: true,
      messageKinds: { reads: 'text', passesOn: 'text', accepts: 'text', writes: 'text' },
      channelRead: (ctx, text) => void ctx.write(text),
      write: (ctx, text) => ctx.write(text),
    };
    expect(() => pipeline().add(...codec.jsonLines(), echo as never)).not.toThrow();
  });

  it('ends the channel also of a decoder that has a function fail of its own', () => {
    class Failing extends codec.MessageToMessageDecoder<string, string> {
      override accepts(message: unknown): boolean {
        return typeof message === 'string';
      }
      override decode(_ctx: unknown, text: string): string {
        return text === 'x' ? this.fail() : text;
      }
      fail(): never {
        throw new DecodeError('MESSAGE_INVALID', 'x is not a word');
      }
    }
    const channel = new EmbeddedChannel(new Failing());
    expect(() => channel.writeInbound('a', 'x', 'b')).toThrow('x is not a word');
    expect([channel.readInbound(), channel.readInbound()]).toEqual(['a', undefined]);
    expect(channel.isEnding).toBe(true);
  });

  it('does not matter to a template where a handler is made later, or passes other messages on', () => {
    const texts = codec.textLines();
    expect(() =>
      pipeline().add(...texts, (() => ({})) as never, new codec.JsonCodec() as never),
    ).not.toThrow();
    pipeline().add(...texts, new codec.JsonCodec({ otherMessages: 'pass-on' }) as never);
  });
});
