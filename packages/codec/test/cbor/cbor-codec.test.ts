import { CborCodec, CborSimple, CborTag } from '@headrace/codec/cbor';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../core/test/fixture/any-text.ts';
import { NotingChannel, outcome } from '../decoder-harness.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function roundTrip(value: unknown): unknown {
  const channel = new EmbeddedChannel(new CborCodec());
  channel.writeOutbound(value);
  channel.writeInbound(channel.readOutbound());
  return channel.readInbound();
}

const bytes = fc.uint8Array({ maxLength: 20 });
/** A number in each width of a head, and around its ends. */
const big = fc
  .tuple(fc.nat({ max: 70 }), fc.integer({ min: -2, max: 2 }), fc.boolean())
  .map(([bits, by, isNegative]) => (isNegative ? -1n : 1n) * ((1n << BigInt(bits)) + BigInt(by)));
/** An integer is a `number` if it can be one. */
const integer = fc
  .oneof(big, fc.bigInt())
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
/** An integer that can be a key of a map. */
const key = integer.filter((value) => value < 2n ** 64n && value > -(2n ** 64n));
/** A double that is not an integer beyond those that a `number` can tell apart. */
const float = fc.oneof(fc.double(), fc.float());
const simple = fc
  .oneof(fc.nat({ max: 19 }), fc.integer({ min: 32, max: 255 }))
  .map((value) => new CborSimple(value));
const tagNumber = fc
  .oneof(fc.nat(), fc.bigInt({ min: 4n, max: 2n ** 64n - 1n }))
  .map((tag) => (Number.isSafeInteger(Number(tag)) ? Number(tag) : tag))
  .filter((tag) => tag !== 2 && tag !== 3);

/** Any value of the data model of CBOR. */
const anyCbor: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.oneof(
    anyText,
    bytes,
    integer,
    float,
    simple,
    fc.constantFrom(true, false, null, undefined, Number.NaN, -0),
  ),
  any: fc.oneof(
    { depthIdentifier: 'cbor', maxDepth: 4 },
    tie('leaf'),
    fc.array(tie('any'), { maxLength: 4, depthIdentifier: 'cbor' }),
    fc.dictionary(fc.oneof(anyText, fc.constant('__proto__')), tie('any'), {
      maxKeys: 4,
      depthIdentifier: 'cbor',
      noNullPrototype: true,
    }),
    fc
      .uniqueArray(fc.tuple(fc.oneof(key, anyText, fc.boolean()), tie('any')), {
        minLength: 1,
        maxLength: 4,
        depthIdentifier: 'cbor',
        selector: ([key]) => key,
      })
      // A map of texts alone is read as an object.
      .map((entries) => new Map<unknown, unknown>([[false, 0], ...entries])),
    fc.tuple(tagNumber, tie('any')).map(([tag, value]) => new CborTag(tag, value)),
  ),
})).any;

describe('CborCodec', () => {
  it('gives back any value', () => {
    fc.assert(
      fc.property(
        // Messages that a channel does not accept, or that need no codec.
        anyCbor.filter(
          (value) => (value ?? undefined) !== undefined && !(value instanceof Uint8Array),
        ),
        (value) => {
          expect(roundTrip(value)).toStrictEqual(value);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives back floats of each width, written in the shortest one', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffff }), (bits) => {
        const short = Buffer.from([0xf9, bits >> 8, bits & 0xff]);
        const channel = new EmbeddedChannel(new CborCodec());
        channel.writeInbound(short);
        const value = channel.readInbound<number>()!;
        expect(roundTrip(value)).toBe(value);
        channel.writeOutbound(value);
        const bytes = channel.readOutbound<Buffer>()!;
        // A whole number is written as one.
        if (!Number.isInteger(value) || Object.is(value, -0)) expect(bytes.length).toBe(3);
      }),
      { numRuns: 2000 },
    );
  });

  it('writes the own text of a number, of a property and of a Map in one form', () => {
    const channel = new EmbeddedChannel(new CborCodec());
    channel.writeOutbound({ a: 1 }, new Map([['a', 1]]));
    const [object, map] = [channel.readOutbound<Buffer>()!, channel.readOutbound<Buffer>()!];
    expect(map.equals(object)).toBe(true);
  });

  it.each<[string, unknown]>([
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a function in a property', { a: () => 1 }],
    ['a Date', new Date(0)],
    ['a Set', new Set([1])],
    ['a RegExp', /a/],
    ['a Promise', Promise.resolve(1)],
    ['an Error', new Error('a')],
    ['a number in an object', Object(1)],
    ['floats', [new Float64Array(1)]],
    ['a DataView', [new DataView(new ArrayBuffer(1))]],
    ['memory', [new ArrayBuffer(1)]],
    ['half of a surrogate pair', ['\ud83d']],
    ['half of a surrogate pair in a key', { '\ude00': 1 }],
    ['the tag of a bigint', new CborTag(2, new Uint8Array(1))],
    ['a negative tag', new CborTag(-1, 1)],
    ['a tag of more than 64 bits', new CborTag(2n ** 64n, 1)],
    ['a tag that is not a whole number', new CborTag(1.5, 1)],
    ['a simple value with a meaning', new CborSimple(20)],
    ['a simple value over 255', new CborSimple(256)],
    ['a map with a large number as a key', new Map([[2n ** 64n, 1]])],
    ['a map with a large negative number as a key', new Map([[-(2n ** 64n), 1]])],
    ['a map of many numbers', new Map(Array.from({ length: 4097 }, (_, i) => [i, 1]))],
  ])('fails the write of %s, which would be read as another value', (_what, value) => {
    const channel = new EmbeddedChannel(new CborCodec());
    expect(() => channel.writeOutbound(value)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' }),
    );
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('fails the write of a cycle, and of a value over 500 levels deep', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const channel = new EmbeddedChannel(new CborCodec());
    expect(() => channel.writeOutbound(cycle)).toThrow(/over 500 levels deep/);
    let deep: unknown = 1;
    for (let i = 0; i < 500; i++) deep = [deep];
    expect(roundTrip(deep)).toEqual(deep);
    expect(() => channel.writeOutbound([deep])).toThrow(/over 500 levels deep/);
  });

  it('refuses values over 500 levels deep', () => {
    for (const one of ['81', '9f', 'a100', 'd818', 'c6']) {
      expect(outcome(new CborCodec(), hex(`${one.repeat(501)}00`)), one).toEqual([
        '!HR_ERR_MESSAGE_INVALID',
      ]);
    }
  });

  it.each([
    ['a text', 'a2616101616102'],
    ['a number', 'a201000100'],
    ['a number in two forms', 'a20100f93c0000'],
    ['a text beside a number', 'a30100616101616102'],
  ])('refuses a map that has a key twice: %s', (_what, text) => {
    expect(outcome(new CborCodec(), hex(text))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });

  it('refuses a text whose chunks are not UTF-8 each', () => {
    expect(outcome(new CborCodec(), hex('7f61c361a9ff'))).toEqual(['!HR_ERR_TEXT_NOT_UTF8']);
  });

  it('refuses a tag of a bigint without bytes, and reads one without digits', () => {
    expect(outcome(new CborCodec(), hex('c201'))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    const channel = new EmbeddedChannel(new CborCodec());
    channel.writeInbound(hex('c240'), hex('c340'), hex('c24101'));
    expect([channel.readInbound(), channel.readInbound(), channel.readInbound()]).toEqual([
      0, -1, 1,
    ]);
  });

  it.each([
    ['above 64 bits', 'c249010000000000000000'],
    ['of a mebibyte', `c25a00100000${'ff'.repeat(2 ** 20)}`],
  ])('refuses a map with a number as a key that is %s', (_what, key) => {
    const channel = new NotingChannel(new CborCodec()).feed(hex(`a2${key}00${key}00`));
    expect(channel.noted()).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    expect(channel.errors[0]!.message.length).toBeLessThan(300);
  });

  it('limits the keys of a map that are numbers, also without its length', () => {
    const keys = Array.from(
      { length: 4097 },
      (_, i) => `fa${(i + 2 ** 20).toString(16).padStart(8, '0')}00`,
    );
    expect(outcome(new CborCodec(), hex(`bf${keys.join('')}ff`))).toEqual([
      '!HR_ERR_MESSAGE_INVALID',
    ]);
  });

  it('makes a key __proto__ a property, not the prototype', () => {
    const channel = new EmbeddedChannel(new CborCodec());
    const key = Buffer.from('__proto__').toString('hex');
    channel.writeInbound(hex(`a169${key}a16561646d696ef5`));
    const value = channel.readInbound<{ admin?: boolean }>()!;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value.admin).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__']);
  });
});
