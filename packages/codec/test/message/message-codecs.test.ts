import { isDeepStrictEqual } from 'node:util';
import zlib from 'node:zlib';
import { create } from '@bufbuild/protobuf';
import {
  BytesValueSchema,
  DoubleValueSchema,
  DurationSchema,
  FieldMaskSchema,
  FileDescriptorProtoSchema,
  FloatValueSchema,
  StringValueSchema,
  StructSchema,
  ValueSchema,
} from '@bufbuild/protobuf/wkt';
import { CompressionCodec, JsonCodec, jsonLines, lengthPrefixed } from '@headrace/codec';
import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { ProtobufCodec } from '@headrace/codec/protobuf';
import {
  type Context,
  type DecodeError,
  type Handler,
  OptionError,
  type Types,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';

function errorFrom(handler: Handler, bytes: Uint8Array): DecodeError {
  const channel = new EmbeddedChannel(handler);
  try {
    channel.writeInbound(bytes);
  } catch (error) {
    return error as DecodeError;
  }
  throw new Error('no error came');
}

function roundTrip(handler: Handler, message: unknown): unknown {
  const channel = new EmbeddedChannel(handler);
  channel.writeOutbound(message);
  channel.writeInbound(channel.readOutbound());
  return channel.readInbound();
}

const zodUser = z.object({ id: z.number().int(), tags: z.array(z.string()) });
const valibotUser = v.object({ id: v.number(), tags: v.array(v.string()) });

describe('JsonCodec', () => {
  it('gives values for bytes and bytes for values', () => {
    expect(roundTrip(new JsonCodec(), { a: [1, null, 'é'] })).toEqual({ a: [1, null, 'é'] });
  });

  it.each([
    ['zod', new JsonCodec({ schema: zodUser })],
    ['valibot', new JsonCodec({ schema: valibotUser })],
  ])('validates by %s and reports where a message does not fit', (_name, codec) => {
    const error = errorFrom(codec, Buffer.from('{"id":1,"tags":["a",2]}'));
    expect(error.code).toBe('HR_ERR_MESSAGE_INVALID');
    expect(error.message).toMatch(/does not fit the schema: tags\.1: /);
    expect(error.details).toMatchObject({ issues: 1, path: 'tags.1' });
  });

  it("gives the application the schema's output and takes its input", () => {
    const schema = z.object({ at: z.string().transform((text) => new Date(text)) });
    class App implements Handler {
      declare readonly types: Types<{
        reads: { at: Date };
        passesOn: never;
        accepts: never;
        writes: { at: string };
      }>;
      channelRead(ctx: Context, message: { at: Date }): void {
        ctx.writeAndFlush({ at: message.at.toISOString() });
      }
    }
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(...jsonLines({ schema }), new App());
    channel.writeInbound(Buffer.from('{"at":"2026-11-20"}\n'));
    expect(String(channel.readOutbound())).toBe('{"at":"2026-11-20T00:00:00.000Z"}\n');
  });

  it('counts the issues that it does not show', () => {
    const error = errorFrom(
      new JsonCodec({ schema: z.array(z.number()) }),
      Buffer.from('["a","b","c","d","e"]'),
    );
    expect(error.message).toContain('; and 2 more');
  });

  it('refuses a schema that answers later', () => {
    const schema = z.string().refine(async () => true);
    const error = errorFrom(new JsonCodec({ schema }), Buffer.from('"a"'));
    expect(error.code).toBe('HR_ERR_DECODER_FAILED');
  });

  it('refuses input that is not JSON and what is not UTF-8', () => {
    const error = errorFrom(new JsonCodec(), Buffer.from('{"a":'));
    expect(error.code).toBe('HR_ERR_MESSAGE_INVALID');
    expect(error.message).toContain('JsonCodec cannot read a message of 5 bytes (7b2261223a)');
    expect(errorFrom(new JsonCodec(), Buffer.from('"\xff"', 'latin1')).code).toBe(
      'HR_ERR_TEXT_NOT_UTF8',
    );
  });

  it('fails the write of what cannot be encoded as JSON', () => {
    const channel = new EmbeddedChannel(new JsonCodec());
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => channel.writeOutbound(() => 0)).toThrow(/a function cannot be encoded as JSON/);
    expect(() => channel.writeOutbound(cycle)).toThrow(/JsonCodec.encode threw/);
    expect(() => channel.writeOutbound({ n: 1n })).toThrow(/BigInt/);
  });

  it('a __proto__ key changes no prototype', () => {
    const channel = new EmbeddedChannel(new JsonCodec());
    channel.writeInbound(Buffer.from('{"__proto__":{"admin":true}}'));
    expect((channel.readInbound() as { admin?: boolean }).admin).toBeUndefined();
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('gives back any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        if (value === null) return;
        const text = JSON.stringify(value);
        expect(JSON.stringify(roundTrip(new JsonCodec(), value))).toBe(text);
      }),
    );
  });
});

describe('MsgpackCodec', () => {
  it('gives back any value', () => {
    const value = { a: [1, -5, 2 ** 40, 'é', null, true, 1.5], b: new Uint8Array([1, 2]) };
    expect(roundTrip(new MsgpackCodec(), value)).toEqual(value);
  });

  it.each([
    ['an array that claims 65535 elements', `dc${'ffff'}`],
    ['thousands of arrays within each other that claim 65535 elements', 'dcffff'.repeat(5000)],
    ['a map that claims four thousand million entries', 'dfffffffff00'],
    ['bytes after the end', '0101'],
    ['a cut-off string', 'a361'],
    ['a cut-off length', 'dd00'],
    ['a byte that begins nothing', 'c1'],
    ['nothing', ''],
  ])('refuses %s', (_name, hex) => {
    const error = errorFrom(new MsgpackCodec(), Buffer.from(hex, 'hex'));
    expect(error.code).toBe('HR_ERR_MESSAGE_INVALID');
  });

  it('checks lengths for every kind of value', () => {
    const long = (size: number): string => 'x'.repeat(size);
    const values = [long(40), long(300), long(70_000), new Uint8Array(300), new Uint8Array(70_000)];
    const many = Array.from({ length: 70_000 }, (_, i) => i);
    const map = Object.fromEntries(many.map((i) => [`k${i}`, i]));
    const value = [values, many, many.slice(0, 300), map, new Date(5), 1.5, -200, -40_000, 2 ** 33];
    expect(isDeepStrictEqual(roundTrip(new MsgpackCodec(), value), value)).toBe(true);
  });

  it('validates', () => {
    const codec = new MsgpackCodec({ schema: zodUser });
    expect(errorFrom(codec, Buffer.from('81a2696401', 'hex')).message).toContain('tags');
  });
});

describe('CborCodec', () => {
  it('gives back any value', () => {
    const value = { a: [1, -5, 2 ** 40, 'é', null, true, 1.5], b: new Uint8Array([1, 2]) };
    expect(roundTrip(new CborCodec(), value)).toEqual(value);
  });

  it.each([
    ['an array that claims many elements', '9affffffff00'],
    ['arrays so deep that the stack ends', '81'.repeat(60_000)],
    ['bytes after the end', '0101'],
    ['a cut-off string', '6361'],
    ['nothing', ''],
  ])('refuses %s', (_name, hex) => {
    const error = errorFrom(new CborCodec({ schema: zodUser }), Buffer.from(hex, 'hex'));
    expect(error.code).toBe('HR_ERR_MESSAGE_INVALID');
  });
});

describe('ProtobufCodec', () => {
  it('gives back a message', () => {
    const message = create(DurationSchema, { seconds: 7n, nanos: 8 });
    expect(roundTrip(new ProtobufCodec({ schema: DurationSchema }), message)).toEqual(message);
  });

  it('refuses bytes that are not a message', () => {
    const codec = new ProtobufCodec({ schema: DurationSchema });
    const error = errorFrom(codec, Buffer.from('08ffffffffffffffffffffff', 'hex'));
    expect(error.code).toBe('HR_ERR_MESSAGE_INVALID');
    expect(error.message).toContain('google.protobuf.Duration');
  });

  it.each([
    ['a number as bytes', DurationSchema, '0a0101'],
    ['a number as 32 bits', DurationSchema, '0d01000000'],
    ['a number as 64 bits', DurationSchema, '090100000000000000'],
    ['a number as a group', DurationSchema, '0b0c'],
    ['a text as a number', StringValueSchema, '0801'],
    ['a text as 32 bits', StringValueSchema, '0d03616263'],
    ['bytes as 64 bits', BytesValueSchema, '090761626364656667'],
    ['64 bits as a number', DoubleValueSchema, '0801'],
    ['64 bits as 32 bits', DoubleValueSchema, '0d00000000'],
    ['32 bits as bytes', FloatValueSchema, '0a0400000000'],
    ['a list of texts as numbers', FieldMaskSchema, '0801'],
    ['a list of numbers as 32 bits', FileDescriptorProtoSchema, '5501000000'],
    ['a message as a number', ValueSchema, '2801'],
    ['a map as a number', StructSchema, '0805'],
    ['a key of a map as a number', StructSchema, '0a020801'],
    ['a value of a map as a number', StructSchema, '0a040a001001'],
  ])('refuses %s', (_name, schema, hex) => {
    const error = errorFrom(new ProtobufCodec({ schema }), Buffer.from(hex, 'hex'));
    expect(error.code).toBe('HR_ERR_MESSAGE_INVALID');
  });

  it.each([
    ['a list of numbers, packed', FileDescriptorProtoSchema, '52020102'],
    ['a list of numbers, one by one', FileDescriptorProtoSchema, '50015002'],
    [
      'fields that the schema does not have',
      DurationSchema,
      '780179000000000000000 07a01617b78017c7d00000000'.replace(' ', ''),
    ],
    ['a map without key and value', StructSchema, '0a00'],
    ['a field twice', DurationSchema, '08010802'],
  ])('reads %s', (_name, schema, hex) => {
    const channel = new EmbeddedChannel(new ProtobufCodec({ schema }));
    channel.writeInbound(Buffer.from(hex, 'hex'));
    expect(channel.readInbound()).toBeDefined();
  });
});

/** Each format, and what inflates it. */
const FORMATS = [
  ['gzip', 'gunzipSync'],
  ['deflate', 'inflateSync'],
  ['deflate-raw', 'inflateRawSync'],
  ['brotli', 'brotliDecompressSync'],
] as const;

describe.each(FORMATS)('CompressionCodec with %s', (format, inflate) => {
  it('gives back messages, in order, large ones between small ones', () => {
    const channel = new EmbeddedChannel(
      ...lengthPrefixed({ maxFrameLength: 2 ** 20 }),
      new CompressionCodec({ format }),
    );
    const messages = ['a', 'b'.repeat(500_000), '', 'c'].map((text) => Buffer.from(text));
    channel.writeOutbound(...messages);
    for (let i = 0; i < messages.length; i++) channel.writeInbound(channel.readOutbound());
    // Compared by memory: a matcher would look at each of half a million bytes.
    for (const message of messages) {
      expect(message.equals(channel.readInbound<Buffer>() ?? Buffer.from('none'))).toBe(true);
    }
  });

  it('does not inflate a bomb', () => {
    const bomb = new CompressionCodec({ format, level: 9 }).encode(Buffer.alloc(50_000_000));
    using inflating = vi.spyOn(zlib, inflate);
    const error = errorFrom(new CompressionCodec({ format, maxInflatedBytes: 100_000 }), bomb);
    expect(error.code).toBe('HR_ERR_FRAME_TOO_LONG');
    // It gives up at the limit: nothing longer was ever there.
    expect(inflating.mock.results.map(({ type }) => type)).toEqual(['throw']);
  });

  it('takes a message of exactly the limit', () => {
    const codec = new CompressionCodec({ format, maxInflatedBytes: 1000 });
    expect(roundTrip(codec, Buffer.alloc(1000))).toEqual(Buffer.alloc(1000));
    const over = new CompressionCodec({ format }).encode(Buffer.alloc(1001));
    const strict = new CompressionCodec({ format, maxInflatedBytes: 1000 });
    expect(errorFrom(strict, over).code).toBe('HR_ERR_FRAME_TOO_LONG');
  });

  it.each([
    ['a text', 'garbage'],
    ['zeros', '\0\0\0'],
    ['a text after a zero', '\0garbage'],
    ['one byte', 'x'],
  ])('refuses %s after the compressed data', (_name, after) => {
    for (const text of ['hello', '', 'ab'.repeat(100_000)]) {
      const whole = new CompressionCodec({ format }).encode(Buffer.from(text));
      const longer = Buffer.concat([whole, Buffer.from(after)]);
      const error = errorFrom(new CompressionCodec({ format }), longer);
      expect(error.code).toBe('HR_ERR_MESSAGE_INVALID');
    }
  });

  it('refuses what is not compressed so, and what is cut off', () => {
    const whole = new CompressionCodec({ format }).encode(Buffer.from('hello hello hello'));
    for (const bytes of [Buffer.from('hello'), whole.subarray(0, -3)]) {
      expect(errorFrom(new CompressionCodec({ format }), bytes).code).toBe(
        'HR_ERR_MESSAGE_INVALID',
      );
    }
  });
});

describe('CompressionCodec', () => {
  it('inflates the members of one gzip message, as RFC 1952 allows', () => {
    const hello = zlib.gzipSync('hello');
    const channel = new EmbeddedChannel(new CompressionCodec({ format: 'gzip' }));
    channel.writeInbound(Buffer.concat([hello, hello]));
    expect(String(channel.readInbound())).toBe('hellohello');
  });

  it('refuses invalid options', () => {
    for (const options of [
      { format: 'zip' as never },
      { format: 'toString' as never },
      { format: 'gzip' as const, level: 10 },
      { format: 'gzip' as const, maxInflatedBytes: 0 },
    ]) {
      expect(() => new CompressionCodec(options)).toThrow(OptionError);
    }
  });
});
