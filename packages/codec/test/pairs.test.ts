import { create } from '@bufbuild/protobuf';
import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import {
  CompressionCodec,
  ContentLengthFrameDecoder,
  ContentLengthPrepender,
  contentLengthPrefixed,
  DatagramDecoder,
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  FlagFrameDecoder,
  FlagFrameEncoder,
  JsonCodec,
  JsonDecoder,
  JsonEncoder,
  JsonObjectDecoder,
  jsonLines,
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  LineFrameDecoder,
  lengthPrefixed,
  ProxyProtocolDecoder,
  ProxyProtocolEncoder,
  StreamingStringDecoder,
  StringCodec,
  StringDecoder,
  StringEncoder,
  textLines,
  VarintFrameDecoder,
  VarintPrepender,
  varintPrefixed,
} from '@headrace/codec';
import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { ProtobufCodec } from '@headrace/codec/protobuf';
import { type Handler } from '@headrace/core';
import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import {
  RespBigNumber,
  RespCodec,
  RespDecoder,
  RespDouble,
  RespEncoder,
  RespError,
  RespSimple,
  type RespValue,
  RespVerbatim,
} from '@headrace/resp';
import { StompDecoder, StompEncoder, StompFrame } from '@headrace/stomp';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  codecsOf,
  hostileBytes,
  hostileText,
  inputOf,
  type Pair,
  writtenAndRead,
} from '../../core/test/fixture/written-and-read.ts';
import { Mqtt5PacketDecoder, Mqtt5PacketEncoder } from '../../mqtt/test/mqtt5-packets.ts';

const framed = (...codecs: readonly Handler[]): Handler[] => [
  ...lengthPrefixed({ maxFrameLength: 10_000 }),
  ...codecs,
];
const value = fc.oneof(hostileText, fc.integer(), fc.boolean());
const object = fc.dictionary(hostileText, fc.oneof(value, fc.array(value, { maxLength: 3 })), {
  maxKeys: 3,
  noNullPrototype: true,
});

const DELIMITERS = ['\0', ';', ';;', '\r\n.\r\n', '}', 'aab'];
const delimited: Pair[] = DELIMITERS.flatMap((delimiter) => [
  {
    covers: [DelimiterFrameDecoder, StringCodec],
    writer: () => [new StringCodec({ delimiter })],
    reader: () => [
      new DelimiterFrameDecoder({ delimiters: [delimiter], maxFrameLength: 1000 }),
      new StringCodec(),
    ],
    messages: hostileText,
  },
  {
    covers: [DelimiterFrameDecoder, JsonCodec],
    writer: () => [new JsonCodec({ delimiter })],
    reader: () => [
      new DelimiterFrameDecoder({ delimiters: [delimiter], maxFrameLength: 1000 }),
      new JsonCodec(),
    ],
    messages: object,
  },
]);

const lines: Pair[] = [
  ...(['\n', '\r\n'] as const).map((delimiter) => ({
    covers: [LineFrameDecoder, StringCodec],
    writer: () => textLines({ delimiter }),
    reader: () => textLines(),
    messages: hostileText,
  })),
  {
    covers: [LineFrameDecoder, StringEncoder, StringDecoder],
    writer: () => [new StringEncoder({ delimiter: '\r\n' })],
    reader: () => [new LineFrameDecoder({ ending: 'crlf' }), new StringDecoder()],
    messages: hostileText,
  },
  {
    covers: [LineFrameDecoder, JsonCodec],
    writer: () => jsonLines(),
    reader: () => jsonLines(),
    messages: object,
  },
];

const PAIRS_OF_JTT808 = [
  [0x7e, 0x02],
  [0x7d, 0x01],
] as const;
const flagsAndEscapes = fc
  .array(fc.constantFrom(0x7e, 0x7d, 0x5e, 0x01, 0x02), { maxLength: 26 })
  .map((bytes) => Buffer.from(bytes));

const bodies: Pair[] = [
  ...([2, 3, 4, 8] as const).map((bytes) => ({
    covers: [LengthFieldFrameDecoder, LengthFieldPrepender],
    writer: () => lengthPrefixed({ maxFrameLength: 25, bytes }),
    reader: () => lengthPrefixed({ maxFrameLength: 25, bytes }),
    messages: hostileBytes,
  })),
  {
    covers: [VarintFrameDecoder, VarintPrepender],
    writer: () => varintPrefixed({ maxFrameLength: 25 }),
    reader: () => varintPrefixed({ maxFrameLength: 25 }),
    messages: hostileBytes,
  },
  ...([0x20, PAIRS_OF_JTT808] as const).map((transposition) => ({
    covers: [FlagFrameDecoder, FlagFrameEncoder],
    writer: () => [new FlagFrameEncoder({ maxFrameLength: 25, transposition })],
    reader: () => [new FlagFrameDecoder({ maxFrameLength: 25, transposition })],
    messages: fc.oneof(hostileBytes, flagsAndEscapes),
  })),
  {
    covers: [ContentLengthFrameDecoder, ContentLengthPrepender],
    writer: () => contentLengthPrefixed({ maxFrameLength: 25 }),
    reader: () => contentLengthPrefixed({ maxFrameLength: 25 }),
    messages: hostileBytes,
  },
  ...(['gzip', 'deflate', 'deflate-raw', 'brotli'] as const).map((format) => ({
    covers: [CompressionCodec],
    writer: () => framed(new CompressionCodec({ format })),
    reader: () => framed(new CompressionCodec({ format })),
    messages: hostileBytes,
  })),
];

const values: Pair[] = [
  {
    covers: [JsonCodec],
    writer: () => framed(new JsonCodec()),
    reader: () => framed(new JsonCodec()),
    messages: object,
  },
  {
    covers: [JsonEncoder, JsonDecoder, JsonObjectDecoder],
    writer: () => [new JsonEncoder()],
    reader: () => [new JsonObjectDecoder(), new JsonDecoder()],
    messages: object,
  },
  {
    covers: [MsgpackCodec],
    writer: () => framed(new MsgpackCodec()),
    reader: () => framed(new MsgpackCodec()),
    messages: object,
  },
  {
    covers: [CborCodec],
    writer: () => framed(new CborCodec()),
    reader: () => framed(new CborCodec()),
    messages: object,
  },
  {
    covers: [StreamingStringDecoder],
    writer: () => [new StringEncoder()],
    reader: () => [new StreamingStringDecoder()],
    messages: hostileText,
    read: (written) => written.filter((text) => text !== ''),
    isFramed: true,
  },
];

/** What a client sees is compared, because a Buffer and the text in it are one message. */
const frame = fc
  .tuple(
    fc.constantFrom('SEND', 'CONNECT', 'MESSAGE', 'ERROR'),
    fc.array(fc.tuple(hostileText, hostileText), { maxLength: 3 }),
    fc.option(fc.constantFrom('0', '2', 'x', '')),
    hostileBytes,
  )
  .map(
    ([command, headers, length, body]) =>
      new StompFrame(
        command as 'SEND',
        length === null ? headers : [...headers, ['content-length', length]],
        body,
      ),
  );

const numbers = fc.oneof(
  fc.double(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0, -0, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 63, 1e21),
);

/** Returns the value that version 3 has for a number: a double or an integer. */
function respNumber(value: number | bigint): RespValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (!Number.isInteger(value) || Object.is(value, -0)) return new RespDouble(value);
  if (Number.isSafeInteger(value)) return value;
  const big = BigInt(value);
  return big >= -(2n ** 63n) && big < 2n ** 63n ? big : new RespBigNumber(big);
}

const resp = fc.oneof(
  numbers,
  hostileBytes,
  hostileText.map((text) => new RespSimple(text)),
  hostileText.map((text) => new RespError(text)),
  hostileBytes.map((bytes) => new RespError(bytes)),
  hostileBytes.map((bytes) => new RespVerbatim('txt', bytes)),
  fc.array(hostileBytes, { maxLength: 3 }),
);

const packet: fc.Arbitrary<MqttPacket> = fc.oneof(
  fc.record({
    type: fc.constant('publish' as const),
    topic: hostileText,
    qos: fc.constant(0 as const),
    dup: fc.constant(false),
    retain: fc.boolean(),
    payload: hostileBytes,
  }),
  fc.record({
    type: fc.constant('connect' as const),
    protocolLevel: fc.constant(4),
    cleanSession: fc.constant(true),
    keepAliveSeconds: fc.nat({ max: 70_000 }),
    clientId: hostileText,
    username: hostileText,
  }),
  fc.record({
    type: fc.constant('subscribe' as const),
    packetId: fc.nat({ max: 70_000 }),
    subscriptions: fc.array(
      fc.record({ topic: hostileText, qos: fc.constantFrom(0 as const, 1 as const, 2 as const) }),
      { maxLength: 2 },
    ),
  }),
  fc.record({
    type: fc.constant('unsubscribe' as const),
    packetId: fc.nat({ max: 70_000 }),
    topics: fc.array(hostileText, { maxLength: 2 }),
  }),
);

const userProperties = fc.array(fc.tuple(hostileText, hostileText), { minLength: 1, maxLength: 3 });
const packet5: fc.Arbitrary<MqttPacket> = fc.oneof(
  fc.record({
    type: fc.constant('publish' as const),
    topic: hostileText,
    qos: fc.constant(0 as const),
    dup: fc.constant(false),
    retain: fc.boolean(),
    payload: hostileBytes,
    properties: fc.record(
      {
        contentType: hostileText,
        responseTopic: hostileText,
        correlationData: hostileBytes,
        messageExpirySeconds: fc.nat(),
        topicAlias: fc.nat({ max: 70_000 }),
        subscriptionIdentifiers: fc.array(fc.nat({ max: 2 ** 29 }), { minLength: 1, maxLength: 2 }),
        userProperties,
      },
      { requiredKeys: ['contentType'] },
    ),
  }),
  fc.record({
    type: fc.constantFrom('puback' as const, 'pubcomp' as const, 'pubrec' as const),
    packetId: fc.nat({ max: 70_000 }),
    reasonCode: fc.integer({ min: 1, max: 256 }),
    properties: fc.record({ reasonString: hostileText, userProperties }),
  }),
  fc.record({
    type: fc.constant('unsuback' as const),
    packetId: fc.nat({ max: 70_000 }),
    reasonCodes: fc.array(fc.constantFrom(0, 0x11, 0x80, 0x92), { maxLength: 2 }),
  }),
);

const protocols: Pair[] = [
  {
    covers: [StompEncoder, StompDecoder],
    writer: () => [new StompEncoder()],
    reader: () => [new StompDecoder()],
    messages: frame,
    // The encoder adds a length to a body with a zero.
    read: (written) =>
      (written as StompFrame[]).map((one) => {
        const isLong = one.body.includes(0) && one.header('content-length') === undefined;
        const length = ['content-length', String(one.body.length)] as const;
        return new StompFrame(
          one.command,
          isLong ? [...one.headers, length] : one.headers,
          one.body,
        );
      }),
  },
  {
    covers: [RespCodec, RespEncoder, RespDecoder],
    writer: () => [new RespEncoder({ protocol: 3 })],
    reader: () => [new RespDecoder()],
    messages: resp,
    read: (written) =>
      written.map((value) =>
        typeof value === 'number' || typeof value === 'bigint' ? respNumber(value) : value,
      ),
  },
  {
    covers: [MqttEncoder, MqttDecoder],
    writer: () => [new MqttEncoder()],
    reader: () => [new MqttDecoder()],
    messages: packet,
  },
  {
    covers: [MqttEncoder, MqttDecoder],
    writer: () => [new Mqtt5PacketEncoder()],
    reader: () => [new Mqtt5PacketDecoder()],
    messages: packet5,
  },
];

const PAIRS: readonly Pair[] = [...delimited, ...lines, ...bodies, ...values, ...protocols];

/** Codecs without a pair, and the test that writes and reads their messages, or the reason. */
const ELSEWHERE: readonly (readonly [{ readonly name: string }, string])[] = [
  [FixedLengthFrameDecoder, 'every run of bytes of its length is a frame'],
  [DatagramDecoder, 'its codec has a pair: it only keeps a message within its datagram'],
  [ProxyProtocolEncoder, 'test/proxy-protocol/proxy-protocol-properties.test.ts'],
  [ProxyProtocolDecoder, 'test/proxy-protocol/proxy-protocol-properties.test.ts'],
  [ProtobufCodec, 'below'],
];

describe('what an encoder writes', () => {
  it.each(PAIRS.map((pair) => [pair.covers.map(({ name }) => name).join(', '), pair] as const))(
    'is read as the same messages, or refused: %s',
    (_name, pair) => {
      fc.assert(
        fc.property(inputOf(pair), ([messages, sizes]) => {
          const { expected, got } = writtenAndRead(pair, messages, sizes);
          expect(got).toEqual(expected);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('is read as the same text by ProtobufCodec, or refused', () => {
    const make = (): Handler[] => framed(new ProtobufCodec({ schema: StringValueSchema }));
    const messages = hostileText.map((text) => create(StringValueSchema, { value: text }));
    const pair: Pair = { covers: [ProtobufCodec], writer: make, reader: make, messages };
    fc.assert(
      fc.property(inputOf(pair), ([all, sizes]) => {
        const { expected, got } = writtenAndRead(pair, all, sizes);
        expect(got).toEqual(expected);
      }),
    );
  });

  it('is proved for every codec of the package', () => {
    const covered = new Set([
      ...PAIRS.flatMap(({ covers }) => covers.map(({ name }) => name)),
      ...ELSEWHERE.map(([{ name }]) => name),
    ]);
    expect(
      ['codec', 'mqtt', 'resp', 'stomp']
        .flatMap((name) => codecsOf(new URL(`../../${name}/src/`, import.meta.url)))
        .sort(),
    ).toEqual([...covered].sort());
  });
});
