import { CborCodec, CborSimple, CborTag } from '@headrace/codec/cbor';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { outcome } from '../decoder-harness.ts';

/** The bytes of a text of hexadecimal digits. */
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function read(bytes: string): unknown {
  const channel = new EmbeddedChannel(new CborCodec());
  channel.writeInbound(hex(bytes));
  return channel.readInbound();
}

function written(value: unknown): string {
  const channel = new EmbeddedChannel(new CborCodec());
  channel.writeOutbound(value);
  return channel.readOutbound<Buffer>()!.toString('hex');
}

const upTo25 = Array.from({ length: 25 }, (_, i) => i + 1);
const letters = { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' };

/** The examples of RFC 8949, appendix A, that are in their shortest form: they are written as they are read. */
const SHORTEST: readonly (readonly [bytes: string, value: unknown])[] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['1bffffffffffffffff', 18_446_744_073_709_551_615n],
  ['c249010000000000000000', 18_446_744_073_709_551_616n],
  ['3bffffffffffffffff', -18_446_744_073_709_551_616n],
  ['c349010000000000000000', -18_446_744_073_709_551_617n],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f98000', -0],
  ['fb3ff199999999999a', 1.1],
  ['f93e00', 1.5],
  ['fa7f7fffff', 3.402_823_466_385_288_6e38],
  ['fb7e37e43c8800759c', 1e300],
  ['f90001', 2 ** -24],
  ['f90400', 0.000_061_035_156_25],
  ['fbc010666666666666', -4.1],
  ['f97c00', Number.POSITIVE_INFINITY],
  ['f97e00', Number.NaN],
  ['f9fc00', Number.NEGATIVE_INFINITY],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['f0', new CborSimple(16)],
  ['f8ff', new CborSimple(255)],
  ['c074323031332d30332d32315432303a30343a30305a', new CborTag(0, '2013-03-21T20:04:00Z')],
  ['c11a514b67b0', new CborTag(1, 1_363_896_240)],
  ['c1fb41d452d9ec200000', new CborTag(1, 1_363_896_240.5)],
  ['d74401020304', new CborTag(23, new Uint8Array([1, 2, 3, 4]))],
  ['d818456449455446', new CborTag(24, new Uint8Array(hex('6449455446')))],
  ['d82076687474703a2f2f7777772e6578616d706c652e636f6d', new CborTag(32, 'http://www.example.com')],
  ['4401020304', new Uint8Array([1, 2, 3, 4])],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '𐅑'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['98190102030405060708090a0b0c0d0e0f101112131415161718181819', upTo25],
  ['a0', {}],
  [
    'a201020304',
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['826161a161626163', ['a', { b: 'c' }]],
  ['a56161614161626142616361436164614461656145', letters],
];

/** The other examples: the same values in longer forms, or without a length. */
const LONGER: readonly (readonly [bytes: string, value: unknown])[] = [
  ['f90000', 0],
  ['f93c00', 1],
  ['f97bff', 65_504],
  ['fa47c35000', 100_000],
  ['f9c400', -4],
  ['fa7f800000', Number.POSITIVE_INFINITY],
  ['fa7fc00000', Number.NaN],
  ['faff800000', Number.NEGATIVE_INFINITY],
  ['fb7ff0000000000000', Number.POSITIVE_INFINITY],
  ['fb7ff8000000000000', Number.NaN],
  ['fbfff0000000000000', Number.NEGATIVE_INFINITY],
  ['5f42010243030405ff', new Uint8Array([1, 2, 3, 4, 5])],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['9fff', []],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['9f01820203820405ff', [1, [2, 3], [4, 5]]],
  ['83018202039f0405ff', [1, [2, 3], [4, 5]]],
  ['83019f0203ff820405', [1, [2, 3], [4, 5]]],
  ['9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff', upTo25],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
  ['826161bf61626163ff', ['a', { b: 'c' }]],
  ['bf6346756ef563416d7421ff', { Fun: true, Amt: -2 }],
];

describe('CborCodec with the examples of RFC 8949, appendix A', () => {
  it.each(SHORTEST)('reads and writes %s', (bytes, value) => {
    expect(read(bytes)).toStrictEqual(value);
    // A channel accepts no null, and bytes need no codec.
    if (value !== null && !(value instanceof Uint8Array)) expect(written(value)).toBe(bytes);
  });

  it.each(LONGER)('reads %s', (bytes, value) => {
    expect(read(bytes)).toStrictEqual(value);
  });

  it('reads undefined within a message, and refuses it as a whole message', () => {
    expect(read('81f7')).toStrictEqual([undefined]);
    expect(written([undefined])).toBe('81f7');
    expect(outcome(new CborCodec(), hex('f7'))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });

  it('refuses a simple value below 32 in two bytes, which RFC 8949 has made invalid', () => {
    expect(outcome(new CborCodec(), hex('f818'))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });
});

/** What RFC 8949, appendix F, calls not well-formed, one example or more of each kind. */
const NOT_WELL_FORMED: readonly (readonly [what: string, bytes: readonly string[]])[] = [
  [
    'a head that is cut off',
    [
      '18',
      '19',
      '1a',
      '1b',
      '1901',
      '1a010203',
      '38',
      '58',
      '78',
      '98',
      '9a01ff00',
      'b8',
      'd8',
      'f8',
      'f900',
      'fa0000',
      'fb000000',
    ],
  ],
  [
    'a value that is cut off',
    [
      '41',
      '61',
      '5affffffff00',
      '5bffffffffffffffff010203',
      '7affffffff00',
      '7f41',
      '81',
      '8200',
      '818181',
      'a1',
      'a20102',
      'a100',
      'a2000000',
      'c0',
    ],
  ],
  [
    'a value without a length and without an end',
    [
      '5f4100',
      '7f6100',
      '9f',
      '9f0102',
      'bf',
      'bf01020102',
      '819f',
      '9f8000',
      '9f9f9f9f9fffffffff',
      '9f819f819f9fffffff',
    ],
  ],
  [
    'a reserved argument',
    ['1c', '1d', '1e', '3c', '3d', '3e', '5c', '7d', '9e', 'bc', 'dd', 'fc', 'fd', 'fe'],
  ],
  ['a simple value in two bytes that has one', ['f800', 'f801', 'f814', 'f81f']],
  [
    'a chunk of another type',
    ['5f00ff', '5f21ff', '5f6100ff', '5f80ff', '5fa0ff', '5fc000ff', '5fe0ff', '7f4100ff'],
  ],
  ['a chunk without a length', ['5f5f4100ffff', '7f7f6100ffff']],
  [
    'a break without a beginning',
    [
      'ff',
      '81ff',
      '8200ff',
      'a1ff',
      'a1ff00',
      'a100ff',
      'a20000ff',
      '9f81ff',
      '9f829f819f9fffffffff',
      'c1ff',
    ],
  ],
  ['a map with a key and no value', ['bf00ff', 'bf000000ff', 'a10001ff'.slice(0, 4)]],
  ['a number without a length', ['1f', '3f', 'df00']],
  ['bytes left over', ['0000', 'f600', '8000']],
  ['nothing', ['']],
];

describe('CborCodec with bytes that are not well-formed', () => {
  it.each(NOT_WELL_FORMED)('refuses %s', (_what, all) => {
    for (const bytes of all) {
      expect(outcome(new CborCodec(), hex(bytes)), bytes).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    }
  });
});
