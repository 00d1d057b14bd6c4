import { ProtobufCodec } from '@headrace/codec/protobuf';
import { describe, expect, it } from 'vitest';
import { outcome } from '../decoder-harness.ts';
import { ALL_FIELDS } from './all-fields.ts';
import { varint } from './wire-input.ts';

const read = (bytes: Uint8Array, maxMessageBytes = 2 ** 24): string => {
  const noted = outcome(
    new ProtobufCodec({ schema: ALL_FIELDS, maxMessageBytes }),
    Buffer.from(bytes),
  );
  return noted[0]?.startsWith('!') ? noted[0] : 'read';
};
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('ProtobufCodec', () => {
  it.each([
    ['a group', '23 0801 24'],
    ['a group in a group', '23 2b 0801 2c 24'],
    ['a group in a message', '1a04 23 0801 24'],
    ['groups that the schema does not have', 'ab01 b301 b401 0801 ac01'],
    ['a message to the end of a message', '1a04 12026161'],
    ['a tag of five bytes', '8880808000 01'],
    ['a length of ten bytes', '12 8180808080808080 8000 61'],
    ['a number of ten bytes', '08 ffffffffffffffffff 01'],
    ['an empty packed list', '3200'],
  ])('reads %s', (_name, bytes) => {
    expect(read(hex(bytes))).toBe('read');
  });

  it.each([
    ['the end of a group alone', '0c'],
    ['the end of a group as a number', '0c01'],
    ['the end of a group as a text', '14 0161'],
    ['the end of a group as a message', '1c 020801'],
    ['the end of a group as a map', '44 020a00'],
    ['the end of a group as a packed list', '34 0101'],
    ['the end of a group with an unknown number', 'ac01'],
    ['the end of a group in a message', '1a02 0c01'],
    ['the end of a group in an entry', '4202 0c00'],
    ['the end of the outer group in a message', '23 1a01 24'],
    ['the end of a group with another number', '23 0801 2c'],
    ['groups that overlap', '23 2b 24 2c'],
    ['an unknown group with another end', 'ab01 b401'],
    ['a group without its end', '23 0801'],
    ['an unknown group without its end', 'ab01 b001 01'],
    ['a group that ends after its message', '1a01 23 24'],
    ['an unknown group that ends after its message', '1a02 ab01 ac01'],
    ['a text that is longer than its message', '1a03 120561 0801 1002'],
    ['bytes that are longer than their group', '23 5264 24'],
    ['a message that is longer than its message', '1a02 1a04 0801 0802'],
    ['an entry that is longer than its message', '1a02 4204 0a0161 00'],
    ['a key that is longer than its entry', '4203 0a0461 616161'],
    ['a value that is longer than its entry', '4202 1204 0801 0802'],
    ['a number that ends after its message', '1a02 0880 01'],
    ['a fixed number that ends after its message', '1a03 3d0000 0000'],
    ['an unknown field that ends after its message', '1a03 fa0105 0801080108'],
    ['an unknown number that ends after its message', '1a03 f801 80 01'],
    ['a tag that ends after its message', '1a01 80 01'],
    ['a packed list that is longer than its message', '1a02 3203 010203'],
    ['an element that ends after its packed list', '3202 8080 01'],
    ['a fixed element that ends after its packed list', '3a02 0100 0000'],
    ['the field number 0', '0001'],
    ['the field number 0 as a group', '03 04'],
    ['wire type 6', 'ae01 01'],
    ['wire type 7', 'af01 01'],
    ['a tag over 32 bits', '8880808010 01'],
    ['a tag of six bytes', '888080808000 01'],
    ['a length over 32 bits', '12 8180808010 61'],
    ['a number of eleven bytes', '08 8080808080808080808000'],
    ['an unknown number of eleven bytes', 'a801 8080808080808080808000'],
    ['a length of eleven bytes', '12 8180808080808080808000 61'],
  ])('refuses %s', (_name, bytes) => {
    expect(read(hex(bytes))).toBe('!HR_ERR_MESSAGE_INVALID');
    // Nor does it hide what follows from the limit.
    expect(read(Buffer.concat([hex(bytes), Buffer.alloc(20_000, hex('2b2c'))]), 65_536)).not.toBe(
      'read',
    );
  });

  it('takes messages as deep as the library, and entries of a map have no depth', () => {
    const nest = (before: number[], after: number[], times: number): Buffer => {
      let bytes: number[] = [];
      for (; times > 0; times--) {
        const content = [...bytes, ...after];
        bytes =
          before[0] === 0x23
            ? [...before, ...content]
            : [...before, ...varint(content.length), ...content];
      }
      return Buffer.from(bytes);
    };
    const entries = (times: number): Buffer => {
      let bytes: number[] = [];
      for (; times > 0; times--) {
        const value = [0x12, ...varint(bytes.length), ...bytes];
        bytes = [0x42, ...varint(value.length), ...value];
      }
      return Buffer.from(bytes);
    };
    for (const deep of [
      (times: number) => nest([0x1a], [], times),
      (times: number) => nest([0x23], [0x24], times),
      entries,
    ]) {
      expect(read(deep(99))).toBe('read');
      expect(read(deep(100))).toBe('!HR_ERR_MESSAGE_INVALID');
      expect(read(deep(1000))).toBe('!HR_ERR_MESSAGE_INVALID');
    }
  });
});

describe('what the library converts from JSON again', () => {
  const field = (tag: string, content: Uint8Array): Buffer =>
    Buffer.concat([hex(tag), Buffer.from(varint(content.length)), content]);
  /** A struct of 500 keys. */
  const large = Buffer.concat(
    Array.from({ length: 500 }, (_, at) => field('0a', field('0a', Buffer.from(`k${at}`)))),
  );
  const LIMIT = 2 ** 20;

  it.each([
    ['a field', (again: number) => [field('4a', large), Buffer.alloc(2 * again, hex('4a00'))]],
    [
      'a field of a message that occurs again',
      (again: number) => [
        field('1a', field('4a', large)),
        field('1a', Buffer.alloc(2 * again, hex('4a00'))),
      ],
    ],
    [
      'one field of each message that occurs again',
      (again: number) => [
        field('1a', field('4a', large)),
        Buffer.alloc(4 * again, hex('1a024a00')),
      ],
    ],
    [
      'a field of a group that occurs again',
      (again: number) => [
        hex('23'),
        field('4a', large),
        hex('24'),
        Buffer.alloc(4 * again, hex('234a0024')),
      ],
    ],
    [
      'a value of one entry',
      (again: number) => [
        field('5a', Buffer.concat([field('12', large), Buffer.alloc(2 * again, hex('1200'))])),
      ],
    ],
  ])('counts for %s', (_name, parts) => {
    expect(read(Buffer.concat(parts(1)), LIMIT)).toBe('read');
    expect(read(Buffer.concat(parts(100)), LIMIT)).toBe('!HR_ERR_FRAME_TOO_LONG');
  });

  it('does not count for the elements of a list', () => {
    const list = Buffer.concat([field('62', large), Buffer.alloc(200, hex('6200'))]);
    expect(read(list, LIMIT)).toBe('read');
  });
});
