import { Buffer as NodeBuffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Buffer as PageBuffer } from '../../src/browser/node-buffer.ts';

type AnyBuffer = typeof NodeBuffer;

/** What a function does with one of the two: its result as plain data, or the kind of its error. */
function outcome(make: (Buffer: AnyBuffer) => unknown, Buffer: AnyBuffer): unknown {
  try {
    return plain(make(Buffer));
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    return { name, ...(name === 'RangeError' && { code }) };
  }
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Array.from(value) };
  return Array.isArray(value) ? value.map(plain) : value;
}

function same(make: (Buffer: AnyBuffer) => unknown): void {
  const [ours, nodes] = [outcome(make, PageBuffer), outcome(make, NodeBuffer)];
  // Some hundred thousand times: `expect` is slow.
  if (!isDeepStrictEqual(ours, nodes)) expect(ours).toEqual(nodes);
}

const ENCODINGS: BufferEncoding[] = [
  'utf8',
  'utf-8',
  'latin1',
  'binary',
  'ascii',
  'hex',
  'base64',
  'base64url',
  'utf16le',
  'ucs2',
];
const anyBytes = fc.uint8Array({ maxLength: 40 });
const HALVES = 0xe000 - 0xd800;
/** Any code point but the halves of a pair. The unit 'binary' of fast-check first makes a table of all 1.1 million. */
const anyCharacter = fc.integer({ min: 0, max: 0x10ffff - HALVES }).map(
  (number) => String.fromCodePoint(number < 0xd800 ? number : number + HALVES),
  (text) => {
    const point = String(text).codePointAt(0) ?? 0;
    if (text !== String.fromCodePoint(point)) throw new Error('not one character');
    return point < 0xd800 ? point : point - HALVES;
  },
);
const anyText = fc.oneof(
  fc.string({ unit: anyCharacter, maxLength: 20 }),
  fc.string({ unit: fc.constantFrom('\ud800', '\udc00', 'é', 'ß', '漢', '😀', 'a'), maxLength: 9 }),
  fc.string({
    unit: fc.constantFrom('a', 'F', '0', '9', 'g', '=', '-', '_', '+', '/', ' '),
    maxLength: 12,
  }),
);
const anyEncoding = fc.constantFrom(...ENCODINGS);
/** Node takes characters beyond Latin-1 for others where it reads digits. */
const anyTextAs = anyEncoding.chain((encoding) =>
  fc.tuple(
    /^(?:hex|base64)/.test(encoding) ? anyText.filter((text) => !/[^\0-\xff]/.test(text)) : anyText,
    fc.constant(encoding),
  ),
);
const anyPlace = fc.integer({ min: -5, max: 45 });

describe('the Buffer of a page does what that of Node does', () => {
  test('with text in each encoding', () => {
    fc.assert(
      fc.property(anyTextAs, ([text, encoding]) => {
        same((Buffer) => Buffer.from(text, encoding));
        same((Buffer) => Buffer.byteLength(text, 'utf8'));
      }),
      { numRuns: 1000 },
    );
  });

  test('with bytes as text, from a place to another', () => {
    fc.assert(
      fc.property(anyBytes, anyEncoding, anyPlace, anyPlace, (bytes, encoding, from, to) => {
        same((Buffer) => Buffer.from(bytes).toString(encoding));
        same((Buffer) => Buffer.from(bytes).toString(encoding, from, to));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    [0, Number.POSITIVE_INFINITY],
    [-1, 2],
    [Number.NaN, 2],
    [0, 9],
    [9, 5],
    [4, 2],
  ])('fills from %d to %d as Node does, or refuses it', (from, to) => {
    const codeOrBytes = (Buffer: AnyBuffer): unknown => {
      try {
        return [...Buffer.from('abcde').fill('xy', from, to)];
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };
    expect(codeOrBytes(PageBuffer)).toEqual(codeOrBytes(NodeBuffer));
  });

  test('in a long text', () => {
    same((Buffer) => Buffer.alloc(100_000, 'añ漢').toString('utf8'));
    same((Buffer) => Buffer.alloc(100_000, 'añ漢').toString('latin1'));
    same((Buffer) => Buffer.alloc(100_000, 'añ漢').toString('base64'));
  });

  test('with a byte order mark', () => {
    same((Buffer) => Buffer.from([0xef, 0xbb, 0xbf, 0x61]).toString());
  });

  test.each(['slice', 'subarray'] as const)('in views: %s', (name) => {
    fc.assert(
      fc.property(anyBytes, anyPlace, anyPlace, (bytes, from, to) => {
        same((Buffer) => {
          const all = Buffer.from(bytes);
          const view = all[name](from, to);
          if (view.length > 0) view[0] = 7;
          return [view, all, Buffer.isBuffer(view)];
        });
      }),
    );
  });

  test('when bytes are compared, copied, joined and filled', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, fc.nat(30), fc.nat(30), fc.nat(30), (a, b, x, y, z) => {
        same((Buffer) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        same((Buffer) => Buffer.from(a).equals(Buffer.from(a)));
        same((Buffer) => Buffer.from(a).equals(b));
        same((Buffer) => Buffer.concat([a, Buffer.from(b)]));
        same((Buffer) => Buffer.concat([a, b], x));
        same((Buffer) => {
          const target = Buffer.alloc(30);
          const count = x <= a.length ? Buffer.from(a).copy(target, y, x, x + z) : -1;
          return [count, target];
        });
        same((Buffer) => Buffer.alloc(x, b.length > 0 ? b : 1));
        same((Buffer) => (x <= y ? Buffer.alloc(30).fill('añ', x, y) : 0));
        same((Buffer) => (x <= y ? Buffer.alloc(30).fill(z, x, y) : 0));
      }),
      { numRuns: 500 },
    );
  });

  test('when something is looked for', () => {
    const few = fc.uint8Array({ maxLength: 12, max: 2 });
    const needles = fc.oneof(
      fc.uint8Array({ maxLength: 3, max: 2 }),
      fc.string({ unit: fc.constantFrom('\0', '\x01', '\x02'), maxLength: 3 }),
      fc.integer({ min: 0, max: 300 }),
    );
    const from = fc.option(fc.integer({ min: -15, max: 15 }), { nil: undefined });
    fc.assert(
      fc.property(few, needles, from, (bytes, needle, at) => {
        same((Buffer) => Buffer.from(bytes).indexOf(needle, at));
        same((Buffer) => Buffer.from(bytes).lastIndexOf(needle as string, at));
        same((Buffer) => Buffer.from(bytes).includes(needle as string, at));
      }),
      { numRuns: 2000 },
    );
    same((Buffer) => Buffer.from('aé漢').indexOf('6f22', 'hex'));
    same((Buffer) => Buffer.from('aé漢').indexOf('e6', 0, 'hex'));
  });

  test('when text is written, and no character is cut', () => {
    const anyRest = fc.tuple(
      fc.option(fc.nat(12), { nil: undefined }),
      fc.option(fc.nat(12), { nil: undefined }),
    );
    fc.assert(
      fc.property(anyTextAs, anyRest, ([text, encoding], [offset, length]) => {
        same((Buffer) => {
          const target = Buffer.alloc(12);
          if (offset === undefined) return [target.write(text, encoding), target];
          if (length === undefined) return [target.write(text, offset, encoding), target];
          const room = Math.min(length, 12 - offset);
          return [target.write(text, offset, room, encoding), target];
        });
      }),
      { numRuns: 1000 },
    );
  });

  const numbers = ['UInt8', 'Int8'].concat(
    ['UInt16', 'UInt32', 'Int16', 'Int32', 'BigUInt64', 'BigInt64', 'Float', 'Double'].flatMap(
      (name) => [`${name}LE`, `${name}BE`],
    ),
  );
  type Methods = Record<string, (...args: unknown[]) => unknown>;

  test.each(numbers)('with numbers: %s', (name) => {
    const isBig = name.startsWith('Big');
    const value = isBig
      ? fc.bigInt({ min: -(2n ** 64n), max: 2n ** 65n })
      : fc.oneof(
          fc.integer({ min: -(2 ** 33), max: 2 ** 33 }),
          fc.integer({ min: -300, max: 300 }),
        );
    const anyOffset = fc.integer({ min: -1, max: 10 });
    fc.assert(
      fc.property(value, anyOffset, (number, offset) => {
        same((Buffer) => {
          const target = Buffer.alloc(10);
          const end = (target as unknown as Methods)[`write${name}`]!(number, offset);
          return [end, target];
        });
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 9, maxLength: 9 }), anyOffset, (bytes, offset) => {
        same((Buffer) => (Buffer.from(bytes) as unknown as Methods)[`read${name}`]!(offset));
        const alias = name.replace('UInt', 'Uint');
        same((Buffer) => (Buffer.from(bytes) as unknown as Methods)[`read${alias}`]!());
      }),
    );
  });

  test.each(['UIntLE', 'UIntBE', 'IntLE', 'IntBE'])('with integers of any size: %s', (name) => {
    const size = fc.integer({ min: 0, max: 7 });
    const offset = fc.integer({ min: -1, max: 8 });
    fc.assert(
      fc.property(fc.maxSafeInteger(), size, offset, (number, bytes, at) => {
        const value = number % 2 ** (8 * bytes || 1);
        same((Buffer) => {
          const target = Buffer.alloc(8);
          return [(target as unknown as Methods)[`write${name}`]!(value, at, bytes), target];
        });
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), size, offset, (all, bytes, at) => {
        same((Buffer) => (Buffer.from(all) as unknown as Methods)[`read${name}`]!(at, bytes));
      }),
    );
  });

  test('when it is made of other things', () => {
    same((Buffer) => Buffer.from([1, 2, 300, -1]));
    same((Buffer) => Buffer.from(new Uint16Array([1, 700])));
    same((Buffer) => Buffer.from(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2));
    same((Buffer) => Buffer.from(JSON.parse(JSON.stringify(Buffer.from('abc')))));
    same((Buffer) => JSON.stringify(Buffer.from('abc')));
    same((Buffer) => Buffer.from('abc', 'nonsense' as BufferEncoding));
    same((Buffer) => Buffer.from(5 as never));
    same((Buffer) => [Buffer.isEncoding('HEX'), Buffer.isEncoding('nonsense')]);
    same((Buffer) => [Buffer.isBuffer(new Uint8Array(1)), Buffer.isBuffer(Buffer.alloc(1))]);
    same((Buffer) => `${Buffer.from('é')}`);
    const memory = new Uint8Array(4).buffer;
    PageBuffer.from(memory)[2] = 9;
    expect(new Uint8Array(memory)[2]).toBe(9);
  });

  type Call = readonly [name: string, ...args: unknown[]];

  const odd: readonly unknown[] = [
    undefined,
    null,
    0,
    1,
    2,
    5,
    8,
    9,
    -1,
    -2.7,
    1.5,
    2 ** 31,
    2 ** 40,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    '1',
    '',
    {},
  ];
  const oddArgument = fc.constantFrom(...odd);

  /** A call of a method on a few bytes, and what they are then. */
  const called =
    (length: number, [name, ...args]: Call) =>
    (Buffer: AnyBuffer): unknown => {
      const buffer = Buffer.from('abcdefgh').subarray(0, length);
      const method = (buffer as unknown as Methods)[name]!;
      return [Reflect.apply(method, buffer, args), buffer];
    };

  test.each(
    [
      ...numbers.flatMap((name) => [`read${name}`, `write${name}`]),
      ...['UIntLE', 'UIntBE', 'IntLE', 'IntBE'].flatMap((name) => [`read${name}`, `write${name}`]),
      'swap16',
      'swap32',
      'swap64',
    ].map((name) => [name]),
  )('with invalid arguments, and in a buffer that is too short: %s', (name) => {
    const args = fc.array(oddArgument, { maxLength: 3 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), args, (length, given) => {
        same(called(length, [name, ...given]));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([['IntLE'], ['IntBE'], ['UIntLE'], ['UIntBE']])('with fractions: write%s', (name) => {
    const value = fc.oneof(
      fc.double({ min: -(2 ** 47), max: 2 ** 48, noNaN: true }),
      fc.double({ min: -300, max: 300, noNaN: true }),
    );
    fc.assert(
      fc.property(value, fc.integer({ min: 1, max: 6 }), (number, size) => {
        same(called(8, [`write${name}`, number, 1, size]));
      }),
      { numRuns: 1000 },
    );
  });

  /** How far a place may be at most differs between versions of Node. */
  const isPlace = (one: unknown): boolean =>
    one === undefined || (typeof one === 'number' && one !== 2 ** 40);
  const places = fc.array(fc.constantFrom(...odd.filter(isPlace)), { maxLength: 4 });

  test('with places out of range', () => {
    fc.assert(
      fc.property(places, ([a, b, c, d]) => {
        same(called(8, ['compare', new Uint8Array([97, 98]), a, b, c, d]));
        same(called(8, ['write', 'xyz', a, b]));
        same((Buffer) => {
          const target = Buffer.alloc(4);
          return [
            Buffer.from('abcdefgh').copy(target, a as number, b as number, c as number),
            target,
          ];
        });
        same((Buffer) =>
          Number(a) > 100 ? 0 : Buffer.concat([Buffer.from('ab'), Buffer.from('c')], a as number),
        );
        same((Buffer) => (Number(a) > 100 ? 0 : Buffer.alloc(a as number)));
      }),
      { numRuns: 1000 },
    );
    same((Buffer) => Buffer.concat('ab' as never));
    same((Buffer) => Buffer.concat(['ab'] as never));
  });

  test('when something is looked for from an odd place', () => {
    const needle = fc.constantFrom('', 'a', 'gh', 'bc', 97, -1, 97.9, 256 + 97);
    fc.assert(
      fc.property(
        needle,
        oddArgument,
        fc.constantFrom(undefined, 'utf8', 'hex'),
        (wanted, at, as) => {
          for (const name of ['indexOf', 'lastIndexOf', 'includes']) {
            if (typeof at !== 'string') same(called(8, [name, wanted, at, as]));
          }
        },
      ),
      { numRuns: 1000 },
    );
    same(called(8, ['indexOf', {}]));
    same(called(8, ['indexOf', 'a', 'nonsense']));
  });

  test('in the length of a text in each encoding, well-formed or not', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(...ENCODINGS, 'nonsense'), (text, name) => {
        same((Buffer) => Buffer.byteLength(text, name as BufferEncoding));
      }),
      { numRuns: 1000 },
    );
    same((Buffer) => Buffer.byteLength('zz', 'hex'));
    same((Buffer) => Buffer.byteLength(5 as never));
    same((Buffer) => Buffer.byteLength(new Uint16Array(3)));
  });

  test('in each method that Node documents', () => {
    const own = Object.getOwnPropertyNames(PageBuffer.prototype);
    const documented = Object.getOwnPropertyNames(NodeBuffer.prototype).filter(
      (name) => !/Slice$|Write$|^(?:inspect|parent|offset|constructor)$/.test(name),
    );
    expect(
      documented.filter((name) => !own.includes(name) && !(name in PageBuffer.prototype)),
    ).toEqual([]);
  });
});
