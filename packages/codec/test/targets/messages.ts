import { create, toBinary } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { CompressionCodec, JsonCodec, StringCodec } from '@headrace/codec';
import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { ProtobufCodec } from '@headrace/codec/protobuf';
import type { OutboundBytes } from '@headrace/core';
import { bytesOf, type DecoderTarget } from '../decoder-target.ts';
import { ALL_FIELDS } from '../protobuf/all-fields.ts';

const VALUE = { a: [1, -5, 2 ** 40, 'é', null, true, 1.5], b: 'x'.repeat(40), c: { d: [] } };
const STRUCT = create(StructSchema, {
  fields: { a: { kind: { case: 'stringValue', value: 'b' } } },
});

/** Groups in each other, a message, a map and a list of `ALL_FIELDS`, and groups that it does not declare. */
const GROUPS = [
  '23 0801 2b 1201612c 24',
  '2b 3203010203 1a04 23 0801 24 2c 4208 0a0161 1203 120162',
  'ab01 b301 b401 0801 ac01 4a05 0a030a0161',
].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));

const asBytes = (bytes: OutboundBytes): Uint8Array => bytes as Uint8Array;

const compression: DecoderTarget[] = (['gzip', 'deflate', 'deflate-raw', 'brotli'] as const).map(
  (format) => ({
    name: `CompressionCodec, ${format}`,
    alphabet: bytesOf('\0\x01\x1f\x8b\x08\x78\x9c\xff'),
    samples: [
      new CompressionCodec({ format }).encode(Buffer.from('hello hello hello')),
      new CompressionCodec({ format }).encode(Buffer.alloc(5000)),
    ],
    isFramed: true,
    oneIn: 20,
    make: (frameErrorPolicy) =>
      new CompressionCodec({ format, maxInflatedBytes: 1000, frameErrorPolicy }),
  }),
);

export const targets: DecoderTarget[] = [
  {
    name: 'StringCodec',
    alphabet: bytesOf('a\x80\xbf\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\xa0\xff'),
    samples: [Buffer.from('aé€😀'), Buffer.from('\uFFFD')],
    isFramed: true,
    make: (frameErrorPolicy) => new StringCodec({ frameErrorPolicy }),
  },
  {
    name: 'JsonCodec',
    alphabet: bytesOf('{}[]"",::\\ 01e-.tfn'),
    samples: [Buffer.from(JSON.stringify(VALUE))],
    isFramed: true,
    make: (frameErrorPolicy) => new JsonCodec({ frameErrorPolicy }),
  },
  {
    name: 'MsgpackCodec',
    alphabet: Uint8Array.from({ length: 0x60 }, (_, i) => 0x80 + i),
    samples: [asBytes(new MsgpackCodec().encode(VALUE))],
    isFramed: true,
    make: (frameErrorPolicy) => new MsgpackCodec({ frameErrorPolicy }),
  },
  {
    name: 'CborCodec',
    alphabet: bytesOf('\0\x01\x20\x41\x61\x62\x81\x82\x9f\xa1\xa2\xbf\xc1\xd8\xf4\xf6\xfb\xff'),
    samples: [asBytes(new CborCodec().encode(VALUE))],
    isFramed: true,
    make: (frameErrorPolicy) => new CborCodec({ frameErrorPolicy }),
  },
  {
    name: 'ProtobufCodec',
    alphabet: bytesOf('\x08\x0a\x12\x1a\x01\x02\x03\x80\xff'),
    samples: [toBinary(StructSchema, STRUCT)],
    isFramed: true,
    make: (frameErrorPolicy) => new ProtobufCodec({ schema: StructSchema, frameErrorPolicy }),
  },
  {
    name: 'ProtobufCodec, groups and maps',
    alphabet: bytesOf(
      '\x08\x0c\x12\x1a\x23\x24\x2b\x2c\x32\x42\x4a\x5a\x80\x01\xab\x01\xac\x01\x02\x03\x04',
    ),
    samples: GROUPS,
    isFramed: true,
    make: (frameErrorPolicy) =>
      new ProtobufCodec({ schema: ALL_FIELDS, maxMessageBytes: 4096, frameErrorPolicy }),
  },
  ...compression,
];
