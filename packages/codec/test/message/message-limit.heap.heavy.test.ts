import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldMaskSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  ListValueSchema,
  StructSchema,
} from '@bufbuild/protobuf/wkt';
import { JsonCodec, JsonDecoder } from '@headrace/codec';
import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { ProtobufCodec } from '@headrace/codec/protobuf';
import { describe, expect, it } from 'vitest';
import { noteFigures } from '../../../core/test/fixture/figure.ts';
import { outcome } from '../decoder-harness.ts';
import { heldByMessage } from '../held-memory.ts';

const LIMIT = 512 * 1024;
const limits = { maxMessageBytes: LIMIT } as const;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** A message of `count` elements. */
type Message = (count: number) => Buffer;

const json =
  (part: string): Message =>
  (count) => {
    const isAlike = !part.includes('#');
    const parts = isAlike
      ? `${part},`.repeat(count - 1) + part
      : Array.from({ length: count }, (_, at) => part.replace('#', at.toString(36))).join();
    return Buffer.from(`[${parts}]`);
  };

/** An array of `count` parts; `#` in one is a text of four characters of its own. */
function binary(head: number, part: string): Message {
  return (count) => {
    const length = Buffer.alloc(5);
    length[0] = head;
    length.writeUInt32BE(count, 1);
    const at = part.indexOf('#') / 2;
    const pattern = hex(part.replace('#', '00000000'));
    const parts = Buffer.alloc(count * pattern.length, pattern);
    for (let one = 0; at >= 0 && one < count; one++) {
      parts.write(one.toString(36).padStart(4, '0'), one * pattern.length + at);
    }
    return Buffer.concat([length, parts]);
  };
}

const cbor = (part: string): Message => binary(0x9a, part);
const msgpack = (part: string): Message => binary(0xdd, part);

/** `part` again and again; `#` in one is a text of four characters of its own. */
const protobuf =
  (part: string): Message =>
  (count) => {
    const at = part.indexOf('#') / 2;
    const pattern = hex(part.replace('#', '00000000'));
    const parts = Buffer.alloc(count * pattern.length, pattern);
    for (let one = 0; at >= 0 && one < count; one++) {
      parts.write(one.toString(36).padStart(4, '0'), one * pattern.length + at);
    }
    return parts;
  };

/** One packed list, the first field. */
const packed =
  (element: string): Message =>
  (count) => {
    const body = protobuf(element)(count);
    const length: number[] = [];
    let rest = body.length;
    for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
    return Buffer.concat([Buffer.of(0x0a, ...length, rest), body]);
  };

/** A message with lists of numbers: the first of 64 bits, the second of doubles, the third of itself, and more. */
const { INT64, DOUBLE, MESSAGE, STRING } = FieldDescriptorProto_Type;
const Lists: DescMessage = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'lists.proto',
    package: 'test',
    syntax: 'proto3',
    messageType: [
      {
        name: 'Lists',
        field: [INT64, DOUBLE, MESSAGE, ...Array<typeof STRING>(40).fill(STRING)].map(
          (type, at) => ({
            name: `f${at + 1}`,
            number: at + 1,
            label: FieldDescriptorProto_Label.REPEATED,
            type,
            ...(type === MESSAGE ? { typeName: '.test.Lists' } : {}),
          }),
        ),
      },
    ],
  }),
  () => undefined,
).getMessage('test.Lists')!;

const MESSAGES: readonly (readonly [name: string, make: () => JsonCodec | JsonDecoder, Message])[] =
  [
    ...(
      [
        ['empty objects', '{}'],
        ['empty arrays', '[]'],
        ['arrays of one', '[0]'],
        ['objects with keys of their own', '{"#":0}'],
        ['objects with keys that are numbers', '{"9":0}'],
        ['strings', '"ab"'],
        ['strings of two bytes a character', '"€aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'],
        ['fractions among others', '[],1.5'],
        ['numbers', '1'],
      ] as const
    ).map(([name, part]) => [`JSON, ${name}`, () => new JsonCodec(limits), json(part)] as const),
    ['JsonDecoder, empty objects', () => new JsonDecoder(limits), json('{}')],
    ...(
      [
        ['empty arrays', '80'],
        ['arrays of one', '8100'],
        ['empty maps', 'a0'],
        ['maps with keys of their own', 'a164#00'],
        ['byte strings', '4101'],
        ['texts', `74${'61'.repeat(20)}`],
        ['long texts', `7840${'61'.repeat(64)}`],
        ['numbers', '1bffffffffffffffff'],
      ] as const
    ).map(
      ([name, part]) =>
        [`CBOR, ${name}`, () => new CborCodec(limits) as unknown as JsonCodec, cbor(part)] as const,
    ),
    ...(
      [
        ['empty arrays', '90'],
        ['empty maps', '80'],
        ['maps with keys of their own', '81a4#00'],
        ['bytes', 'c400'],
        ['extensions', 'd40500'],
        ['times', 'd6ff00000000'],
        ['texts', 'a3616263'],
        ['numbers', 'cb3ff8000000000001'],
      ] as const
    ).map(
      ([name, part]) =>
        [
          `MessagePack, ${name}`,
          () => new MsgpackCodec(limits) as unknown as JsonCodec,
          msgpack(part),
        ] as const,
    ),
    ...(
      [
        ['empty messages with lists', FileDescriptorSetSchema, protobuf('0a00')],
        ['empty messages with many lists', Lists, protobuf('1a00')],
        ['empty messages with a oneof', ListValueSchema, protobuf('0a00')],
        ['entries of a map', StructSchema, protobuf('0a0a0a04#12022000')],
        ['short texts', FieldMaskSchema, protobuf('0a03616263')],
        ['texts', FieldMaskSchema, protobuf(`0a14${'61'.repeat(20)}`)],
        ['unknown numbers', FieldMaskSchema, protobuf('7801')],
        ['unknown bytes', FieldMaskSchema, protobuf('7a00')],
        ['packed numbers of 64 bits', Lists, packed('01')],
        ['long numbers of 64 bits', Lists, protobuf('08ffffffffffffffffff01')],
        ['doubles', Lists, protobuf('110000000000e03f40')],
      ] as const
    ).map(
      ([name, schema, message]) =>
        [
          `Protocol Buffers, ${name}`,
          () => new ProtobufCodec({ schema, ...limits }) as unknown as JsonCodec,
          message,
        ] as const,
    ),
  ];

/** The most elements that are taken, nearly. */
function mostTaken(make: () => JsonCodec | JsonDecoder, message: Message): number {
  const isTaken = (count: number): boolean =>
    outcome(make(), message(count))[0] !== '!HR_ERR_FRAME_TOO_LONG';
  let [taken, refused] = [16, 32];
  for (; isTaken(refused); refused *= 2) taken = refused;
  for (let step = 0; step < 3; step++) {
    const middle = Math.floor((taken + refused) / 2);
    if (isTaken(middle)) taken = middle;
    else refused = middle;
  }
  return taken;
}

describe('maxMessageBytes', () => {
  it.each(MESSAGES)(
    'holds the memory of a message within four times: %s',
    (_name, make, message) => {
      const count = mostTaken(make, message);
      const held = heldByMessage(make, message(count)) / LIMIT;
      noteFigures('memory by its limit', { value: held });
      expect(held).toBeLessThan(4);
      // And it is not refused long before.
      expect(held).toBeGreaterThan(0.1);
    },
  );
});
