import { MsgpackCodec, MsgpackExt } from '@headrace/codec/msgpack';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../core/test/fixture/any-text.ts';
import { outcome } from '../decoder-harness.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function roundTrip(value: unknown): unknown {
  const channel = new EmbeddedChannel(new MsgpackCodec());
  channel.writeOutbound(value);
  channel.writeInbound(channel.readOutbound());
  return channel.readInbound();
}

/** A number in each width, and around its ends. */
const integer = fc
  .oneof(
    fc
      .tuple(fc.nat({ max: 63 }), fc.integer({ min: -2, max: 1 }))
      .map(([bits, by]) => (1n << BigInt(bits)) + BigInt(by)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.nat({ max: 63 }).map((bits) => -(1n << BigInt(bits))),
  )
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value));
const extension = fc
  .tuple(fc.integer({ min: -128, max: 127 }), fc.uint8Array({ maxLength: 20 }))
  .filter(([type]) => type !== -1)
  .map(([type, data]) => new MsgpackExt(type, data));

/** Any value of the data model of MessagePack. */
const anyMsgpack: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  leaf: fc.oneof(
    anyText,
    fc.uint8Array({ maxLength: 20 }),
    integer,
    fc.double(),
    extension,
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(true, false, null, -0, Number.NaN),
  ),
  any: fc.oneof(
    { depthIdentifier: 'msgpack', maxDepth: 4 },
    tie('leaf'),
    fc.array(tie('any'), { maxLength: 20, depthIdentifier: 'msgpack' }),
    fc.dictionary(fc.oneof(anyText, fc.constant('__proto__')), tie('any'), {
      maxKeys: 20,
      depthIdentifier: 'msgpack',
      noNullPrototype: true,
    }),
    fc
      .uniqueArray(fc.tuple(fc.oneof(integer, anyText, fc.boolean()), tie('any')), {
        maxLength: 4,
        depthIdentifier: 'msgpack',
        selector: ([key]) => key,
      })
      // A map of texts alone is read as an object.
      .map((entries) => new Map<unknown, unknown>([[null, 0], ...entries])),
  ),
})).any;

const numbered = (count: number) => new Map(Array.from({ length: count }, (_, i) => [i, true]));

describe('MsgpackCodec', () => {
  it('gives back any value', () => {
    fc.assert(
      fc.property(
        // Messages that a channel does not accept, or that need no codec.
        anyMsgpack.filter((value) => value !== null && !(value instanceof Uint8Array)),
        (value) => {
          expect(roundTrip(value)).toStrictEqual(value);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['cf0020000000000001', 9_007_199_254_740_993n],
    ['d3ffdfffffffffffff', -9_007_199_254_740_993n],
    ['cf001fffffffffffff', 9_007_199_254_740_991],
    ['cf0000000000000007', 7],
    ['d3ffe0000000000001', -9_007_199_254_740_991],
  ])('reads an integer of 64 bits as it is: %s', (bytes, value) => {
    const channel = new EmbeddedChannel(new MsgpackCodec());
    channel.writeInbound(hex(bytes));
    expect(channel.readInbound()).toBe(value);
  });

  it('gives back a time that a Date cannot represent, as an extension', () => {
    for (const data of [
      '0000000500000000',
      '00000001ffffffffffffffff',
      '000000007fffffffffffffff',
    ]) {
      const time = new MsgpackExt(-1, new Uint8Array(hex(data)));
      expect(roundTrip(time)).toStrictEqual(time);
    }
  });

  it('refuses times that are none', () => {
    for (const bytes of [
      'd4ff00',
      'c705ff0000000000',
      'd7ffffffffff00000000',
      'c70cff3b9aca000000000000000000',
    ]) {
      expect(outcome(new MsgpackCodec(), hex(bytes)), bytes).toEqual(['!HR_ERR_MESSAGE_INVALID']);
    }
  });

  it('leaves out properties without a value', () => {
    expect(roundTrip({ a: undefined, b: 1 })).toStrictEqual({ b: 1 });
  });

  it.each<[string, unknown]>([
    ['undefined in an array', [undefined]],
    ['an array with a hole', new Array(1)],
    ['undefined in a Map', new Map([['a', undefined]])],
    ['a function', { a: () => 1 }],
    ['a symbol', Symbol('a')],
    ['a Set', new Set([1])],
    ['a RegExp', /a/],
    ['a Promise', [Promise.resolve(1)]],
    ['a Date without a time', new Date(Number.NaN)],
    ['a number in an object', Object(1)],
    ['floats', [new Float64Array(1)]],
    ['memory', [new ArrayBuffer(1)]],
    ['a large integer', 2n ** 64n],
    ['a large negative integer', -(2n ** 63n) - 1n],
    ['half of a surrogate pair', ['\ud83d']],
    ['half of a surrogate pair in a key', { '\ude00': 1 }],
    ['an extension of type 128', new MsgpackExt(128, new Uint8Array(1))],
    ['an extension without bytes', new MsgpackExt(1, 'a' as never)],
    ['an extension that is read as a Date', new MsgpackExt(-1, new Uint8Array(4))],
    ['an extension that is no time', new MsgpackExt(-1, new Uint8Array(5))],
    ['a long extension that is no time', new MsgpackExt(-1, new Uint8Array(260))],
    ['a map of many numbers', numbered(4097)],
  ])('fails the write of %s, which would be read as another value', (_what, value) => {
    const channel = new EmbeddedChannel(new MsgpackCodec());
    expect(() => channel.writeOutbound(value)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' }),
    );
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('fails the write of a cycle, and of a value over 500 levels deep', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const channel = new EmbeddedChannel(new MsgpackCodec());
    expect(() => channel.writeOutbound(cycle)).toThrow(/over 500 levels deep/);
    let deep: unknown = 1;
    for (let i = 0; i < 500; i++) deep = [deep];
    expect(roundTrip(deep)).toEqual(deep);
    expect(outcome(new MsgpackCodec(), hex(`${'91'.repeat(501)}00`))).toEqual([
      '!HR_ERR_MESSAGE_INVALID',
    ]);
  });

  it.each([
    ['a byte ff', 'ff'],
    ['an overlong slash', 'c0af'],
    ['half a character', 'c3'],
    ['a surrogate', 'eda080'],
    ['past the last character', 'f4908080'],
    ['a long text', `${'61'.repeat(40)}ff`],
  ])('refuses a text that is not UTF-8: %s', (_what, text) => {
    const length = (text.length / 2).toString(16).padStart(2, '0');
    for (const bytes of [
      `d9${length}${text}`,
      `81d9${length}${text}00`,
      `92d9${length}${text}a162`,
    ]) {
      expect(outcome(new MsgpackCodec(), hex(bytes))).toEqual(['!HR_ERR_TEXT_NOT_UTF8']);
    }
  });

  it.each([
    ['a text', '82a16101a16102'],
    ['a number', '8201000100'],
    ['a number in two forms', '820100cb3ff000000000000000'],
  ])('refuses a map that has a key twice: %s', (_what, bytes) => {
    expect(outcome(new MsgpackCodec(), hex(bytes))).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });

  it('limits the keys of a map that are numbers, because a peer can choose numbers with one hash', () => {
    const many = numbered(4096);
    expect(roundTrip([many, many])).toEqual([many, many]);
    const bytes = Buffer.concat([
      hex('df00001001'),
      ...Array.from({ length: 4097 }, (_, i) => hex(`cd${i.toString(16).padStart(4, '0')}c3`)),
    ]);
    expect(outcome(new MsgpackCodec(), bytes)).toEqual(['!HR_ERR_MESSAGE_INVALID']);
  });

  it('makes a key __proto__ a property, not the prototype', () => {
    const channel = new EmbeddedChannel(new MsgpackCodec());
    const key = Buffer.from('__proto__').toString('hex');
    channel.writeInbound(hex(`81a9${key}81a561646d696ec3`));
    const value = channel.readInbound<{ admin?: boolean }>()!;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value.admin).toBeUndefined();
  });

  it('encodes a message within the encoding of another one', () => {
    const inner = new MsgpackCodec();
    const message = {
      a: 1,
      get b() {
        return (inner.encode([1, 2, 3]) as Uint8Array).length;
      },
      c: 'x'.repeat(5000),
    };
    expect(roundTrip(message)).toEqual({ a: 1, b: 4, c: 'x'.repeat(5000) });
  });
});
