import { create, fromJson, toBinary } from '@bufbuild/protobuf';
import {
  ApiSchema,
  FieldMaskSchema,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_type,
  ListValueSchema,
  StructSchema,
} from '@bufbuild/protobuf/wkt';
import { JsonCodec, JsonDecoder, parseJson } from '@headrace/codec';
import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { ProtobufCodec } from '@headrace/codec/protobuf';
import { describe, expect, it } from 'vitest';
import { outcome } from '../decoder-harness.ts';

const limits = { maxMessageBytes: 1024 * 1024 } as const;
const TOO_LONG = ['!HR_ERR_FRAME_TOO_LONG'];

const json = (part: string, count: number): Buffer =>
  Buffer.from(`[${`${part},`.repeat(count - 1)}${part}]`);

/** An array of `count` bytes, each an element. */
function array(head: number, element: number, count: number): Buffer {
  const bytes = Buffer.alloc(5 + count, element);
  bytes[0] = head;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

describe('maxMessageBytes', () => {
  it('is 16 MiB by default, and looks at no short message', () => {
    const long = json('{}', 135_000);
    expect(outcome(new JsonCodec(), long)).toEqual(TOO_LONG);
    expect(outcome(new JsonCodec({ maxMessageBytes: 20_000_000 }), long)).not.toEqual(TOO_LONG);
    expect(outcome(new JsonCodec().fresh(), json('{}', 100))).not.toEqual(TOO_LONG);
    expect(outcome(new JsonCodec(limits).fresh(), json('{}', 100_000))).toEqual(TOO_LONG);
    expect(outcome(new JsonDecoder(limits).fresh(), json('{}', 100_000))).toEqual(TOO_LONG);
    expect(() => new JsonCodec({ maxMessageBytes: 0 })).toThrow(/maxMessageBytes is 0/);
  });

  it('counts 64 for each value beside the bytes, and nothing within texts', () => {
    const message = json('"a"', 1000);
    const counts = message.length + 64 * 1001;
    expect(outcome(new JsonCodec({ maxMessageBytes: counts }), message)).not.toEqual(TOO_LONG);
    expect(outcome(new JsonCodec({ maxMessageBytes: counts - 1 }), message)).toEqual(TOO_LONG);
    const text = Buffer.from(JSON.stringify(`${'[{,:'.repeat(100)}"`.repeat(500)));
    expect(outcome(new JsonCodec({ maxMessageBytes: text.length + 64 }), text)).not.toEqual(
      TOO_LONG,
    );
  });

  it('counts a text as its bytes', () => {
    const text = String(json('"ü"', 1000));
    const counts = Buffer.byteLength(text) + 64 * 1001;
    expect(parseJson(text, counts)).toHaveLength(1000);
    expect(() => parseJson(text, counts - 1)).toThrow(/counts \d+ bytes/);
    expect(() => parseJson(Buffer.from(text), counts - 1)).toThrow(/counts \d+ bytes/);
  });

  it('bounds CBOR and MessagePack as well', () => {
    expect(outcome(new CborCodec(limits), array(0x9a, 0xa0, 1000))).not.toEqual(TOO_LONG);
    expect(outcome(new CborCodec(limits), array(0x9a, 0xa0, 17_000))).toEqual(TOO_LONG);
    expect(outcome(new CborCodec(limits), array(0x9a, 0x00, 16_000))).not.toEqual(TOO_LONG);
    expect(outcome(new MsgpackCodec(limits), array(0xdd, 0x80, 1000))).not.toEqual(TOO_LONG);
    expect(outcome(new MsgpackCodec(limits), array(0xdd, 0x80, 17_000))).toEqual(TOO_LONG);
    expect(outcome(new MsgpackCodec(limits), array(0xdd, 0x00, 16_000))).not.toEqual(TOO_LONG);
  });

  it('bounds Protocol Buffers, whose empty messages have lists and defaults', () => {
    const descriptors = (): ProtobufCodec<typeof FileDescriptorSetSchema> =>
      new ProtobufCodec({ schema: FileDescriptorSetSchema, ...limits });
    expect(outcome(descriptors(), Buffer.alloc(2000, '\n\0'))).not.toEqual(TOO_LONG);
    expect(outcome(descriptors(), Buffer.alloc(10_000, '\n\0'))).toEqual(TOO_LONG);
    const byDefault = new ProtobufCodec({ schema: FileDescriptorSetSchema });
    expect(outcome(byDefault, Buffer.alloc(20_000, '\n\0'))).not.toEqual(TOO_LONG);
    expect(() => new ProtobufCodec({ schema: StructSchema, maxMessageBytes: 0 })).toThrow(
      /maxMessageBytes is 0/,
    );
  });

  it('counts no deeper than the library reads', () => {
    const nested = (times: number): Buffer => {
      let bytes = Buffer.alloc(0);
      // A list of one value, which is a list.
      for (let depth = 0; depth < times; depth++) {
        const length = bytes.length;
        bytes = Buffer.concat([Buffer.of(0x32, (length & 127) | 128, length >> 7), bytes]);
        bytes = Buffer.concat([
          Buffer.of(0x0a, (bytes.length & 127) | 128, bytes.length >> 7),
          bytes,
        ]);
      }
      return bytes;
    };
    const codec = () => new ProtobufCodec({ schema: ListValueSchema, maxMessageBytes: 1 });
    expect(outcome(codec(), nested(50))).toEqual(TOO_LONG);
    expect(outcome(codec(), nested(51))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });

  it('reads each kind of field of Protocol Buffers to its end', () => {
    // The smallest limit has everything estimated, and what is estimated wrongly would be MESSAGE_INVALID.
    const file = toBinary(FileDescriptorProtoSchema, file_google_protobuf_type.proto);
    const struct = fromJson(StructSchema, { a: 1.5, b: { c: [true, null, 'd'] } });
    const api = create(ApiSchema, { name: 'a', methods: [{ name: 'b' }], version: '1' });
    for (const [schema, bytes] of [
      [FileDescriptorProtoSchema, file],
      [StructSchema, toBinary(StructSchema, struct)],
      [ApiSchema, toBinary(ApiSchema, api)],
      // An unknown group, and an unknown number.
      [FieldMaskSchema, Buffer.from('0a0161 7b0801 7c 7801'.replaceAll(' ', ''), 'hex')],
    ] as const) {
      const strict = () => new ProtobufCodec({ schema, maxMessageBytes: 1 });
      expect(outcome(strict(), bytes)).toEqual(TOO_LONG);
      expect(outcome(new ProtobufCodec({ schema, maxMessageBytes: 200_000 }), bytes)).toHaveLength(
        1,
      );
      // Cut off within a field.
      expect(outcome(strict(), bytes.subarray(0, -1))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    }
  });
});
