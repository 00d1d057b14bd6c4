import { DurationSchema } from '@bufbuild/protobuf/wkt';
import * as own from '@headrace/codec';
import * as cbor from '@headrace/codec/cbor';
import * as msgpack from '@headrace/codec/msgpack';
import * as protobuf from '@headrace/codec/protobuf';
import { EmbeddedChannel } from '@headrace/core/testing';
import * as mqtt from '@headrace/mqtt';
import * as resp from '@headrace/resp';
import * as stomp from '@headrace/stomp';
import { describe, expect, it } from 'vitest';

const codec = { ...own, ...mqtt, ...resp, ...stomp };

/** Whatever somebody may give, typed or not. */
type Given = never;

/** All that take options: the name of the export, how it is called with them, and the options it needs. */
const TAKES_OPTIONS: Readonly<Record<string, readonly [(options: Given) => unknown, object?]>> = {
  CborCodec: [(options) => new cbor.CborCodec(options)],
  CompressionCodec: [(options) => new codec.CompressionCodec(options), { format: 'gzip' }],
  ContentLengthFrameDecoder: [
    (options) => new codec.ContentLengthFrameDecoder(options),
    { maxFrameLength: 80 },
  ],
  ContentLengthPrepender: [(options) => new codec.ContentLengthPrepender(options)],
  contentLengthPrefixed: [
    (options) => codec.contentLengthPrefixed(options),
    { maxFrameLength: 80 },
  ],
  DatagramDecoder: [
    (options) => new codec.DatagramDecoder(() => new codec.LineFrameDecoder(), options),
  ],
  DelimiterFrameDecoder: [
    (options) => new codec.DelimiterFrameDecoder(options),
    { delimiters: [';'], maxFrameLength: 80 },
  ],
  FixedLengthFrameDecoder: [
    (options) => new codec.FixedLengthFrameDecoder(options),
    { frameLength: 3 },
  ],
  FlagFrameDecoder: [(options) => new codec.FlagFrameDecoder(options), { maxFrameLength: 80 }],
  FlagFrameEncoder: [(options) => new codec.FlagFrameEncoder(options)],
  JsonCodec: [(options) => new codec.JsonCodec(options)],
  JsonDecoder: [(options) => new codec.JsonDecoder(options)],
  JsonEncoder: [(options) => new codec.JsonEncoder(options)],
  JsonObjectDecoder: [(options) => new codec.JsonObjectDecoder(options)],
  LengthFieldFrameDecoder: [
    (options) => new codec.LengthFieldFrameDecoder(options),
    { maxFrameLength: 80, lengthFieldLength: 2 },
  ],
  LengthFieldPrepender: [
    (options) => new codec.LengthFieldPrepender(options),
    { lengthFieldLength: 2 },
  ],
  LineFrameDecoder: [(options) => new codec.LineFrameDecoder(options)],
  MqttDecoder: [(options) => new codec.MqttDecoder(options)],
  MsgpackCodec: [(options) => new msgpack.MsgpackCodec(options)],
  ProtobufCodec: [(options) => new protobuf.ProtobufCodec(options), { schema: DurationSchema }],
  ProxyProtocolDecoder: [(options) => new codec.ProxyProtocolDecoder(options), { trusted: 'any' }],
  RespCodec: [(options) => new codec.RespCodec(options)],
  RespDecoder: [(options) => new codec.RespDecoder(options)],
  RespEncoder: [(options) => new codec.RespEncoder(options)],
  StompDecoder: [(options) => new codec.StompDecoder(options)],
  StringCodec: [(options) => new codec.StringCodec(options)],
  StringDecoder: [(options) => new codec.StringDecoder(options)],
  StringEncoder: [(options) => new codec.StringEncoder(options)],
  VarintFrameDecoder: [(options) => new codec.VarintFrameDecoder(options), { maxFrameLength: 80 }],
  VarintPrepender: [(options) => new codec.VarintPrepender(options)],
  jsonLines: [(options) => codec.jsonLines(options)],
  lengthPrefixed: [(options) => codec.lengthPrefixed(options), { maxFrameLength: 80 }],
  proxyHeader: [(options) => codec.proxyHeader(undefined, undefined, options)],
  proxyHeaderOf: [(options) => codec.proxyHeaderOf(new EmbeddedChannel(), options)],
  textLines: [(options) => codec.textLines(options)],
  varintPrefixed: [(options) => codec.varintPrefixed(options), { maxFrameLength: 80 }],
};

/** A subclass has options of its own, which these pass over: see the tests below. */
const BASE_CLASSES = [
  'ByteToMessageDecoder',
  'MessageToMessageCodec',
  'MessageToMessageDecoder',
  'MessageToMessageEncoder',
  'SchemaCodec',
];

const TAKES_NONE = [
  ...['ByteInput', 'MqttEncoder', 'ProxyProtocolEncoder', 'StompEncoder', 'StreamingStringDecoder'],
  // Values and messages.
  ...[
    'ProxyProtocolEvent',
    'RespAttributed',
    'RespBigNumber',
    'RespDouble',
    'RespError',
    'RespMap',
  ],
  ...['CborSimple', 'CborTag', 'MsgpackExt'],
  ...['RespNull', 'RespPush', 'RespSet', 'RespSimple', 'RespVerbatim', 'StompFrame'],
  ...['crc8', 'crc16CcittFalse', 'crc16Modbus', 'crc16X25', 'crc32'],
  ...[
    'checkWellFormed',
    'encodeJson',
    'encodeProxyHeader',
    'encodeResp',
    'mqttPeerOf',
    'mqttShareOf',
    'parseJson',
    'textOfJson',
    'several',
  ],
];

const entries = Object.entries(TAKES_OPTIONS);

describe('options', () => {
  it('are checked by everything that takes some', () => {
    const exported = Object.entries({ ...codec, ...cbor, ...msgpack, ...protobuf })
      .filter(([, value]) => typeof value === 'function')
      .map(([name]) => name);
    const listed = [...Object.keys(TAKES_OPTIONS), ...BASE_CLASSES, ...TAKES_NONE];
    expect(listed.sort()).toEqual(exported.sort());
  });

  it.each(entries)('of %s have no other name', (name, [make, needed]) => {
    const given = { ...needed, unknownOption: 1 } as Given;
    expect(() => make(given)).toThrow(`${name} has no option unknownOption (1)`);
    expect(() => make({ ...needed } as Given)).not.toThrow();
  });

  it.each(entries)('of %s are an object', (name, [make, needed]) => {
    const refused = [80, null, [1], 'text', ...(needed === undefined ? [] : [undefined])];
    for (const options of refused) {
      expect(() => make(options as Given)).toThrow(`${name} takes an object with `);
    }
  });

  it('that a subclass passes on to a base class are an object as well, without names that it does not describe', () => {
    class Frames extends codec.ByteToMessageDecoder<Buffer> {
      protected override decode(): undefined {}
    }
    class Texts extends codec.MessageToMessageDecoder<Buffer, string> {
      override decode(): undefined {}
    }
    for (const Base of [Frames, Texts]) {
      const name = `${Base.name} takes an object with frameErrorPolicy`;
      expect(() => new Base(80 as Given)).toThrow(name);
      expect(() => new Base(null as Given)).toThrow(name);
      expect(() => new Base({ mine: 1 } as Given)).toThrow('has no option mine (1)');
    }
  });

  it('name the option that is near', () => {
    expect(() => new codec.LineFrameDecoder({ maxLenght: 80 } as Given)).toThrow(
      'LineFrameDecoder has no option maxLenght (80); did you mean maxLength?',
    );
    expect(() => codec.proxyTlv.ssl({ isTLSv: 1 } as Given)).toThrow(/did you mean isTls/);
  });

  it('that are missing or wrong are named as they were given', () => {
    const cases: readonly (readonly [() => unknown, string])[] = [
      [() => codec.lengthPrefixed({} as Given), 'maxFrameLength is undefined'],
      [() => codec.lengthPrefixed({ maxFrameLength: 9, bytes: 5 } as Given), 'bytes is 5'],
      [() => codec.varintPrefixed({} as Given), 'maxFrameLength is undefined'],
      [() => new codec.DelimiterFrameDecoder({} as Given), 'delimiters is undefined'],
      [() => new codec.DelimiterFrameDecoder({ delimiters: ';' } as Given), 'delimiters is ;'],
      [() => new codec.DelimiterFrameDecoder({ delimiters: [10] } as Given), 'delimiters is [10]'],
      [() => new codec.LineFrameDecoder({ ending: 'lf' } as Given), 'ending is "lf"'],
      [() => new codec.StringCodec({ delimiter: 10 } as Given), 'delimiter is 10'],
      [() => new codec.JsonEncoder({ delimiter: null } as Given), 'delimiter is null'],
      [() => codec.textLines({ delimiter: ';' } as Given), 'delimiter is ";"'],
      [
        () => new codec.JsonCodec({ schema: {} } as Given),
        'schema is of type object without ~standard',
      ],
      [() => codec.jsonLines({ schema: null } as Given), 'schema is null without ~standard'],
      [() => new protobuf.ProtobufCodec({} as Given), 'schema must be the descriptor'],
      [() => codec.proxyHeader(undefined, undefined, { version: 3 } as Given), 'version is 3'],
    ];
    for (const [make, text] of cases) {
      expect(make, text).toThrow(text);
      expect(make, text).toThrow(expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID' }));
    }
  });
});
