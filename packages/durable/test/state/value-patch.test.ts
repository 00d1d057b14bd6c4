import { Buffer } from 'node:buffer';
import { LiveState } from '@headrace/client';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { patchOf } from '../../src/state/value-patch.ts';

/** An amount that only its JSON shows. */
class Hidden {
  readonly #amount: number;

  constructor(amount: number) {
    this.#amount = amount;
  }

  toJSON(): number {
    return this.#amount;
  }
}

class Point {
  readonly x: number;
  readonly y = 1;

  constructor(x: number) {
    this.x = x;
  }
}

const name = fc.constantFrom('a', 'b', 'c', '1', '__proto__', 'constructor');
const small = fc.nat(1);
/** What a codec of the application can decode. */
const odd = fc.oneof(
  small.map((amount) => new Hidden(amount)),
  small.map((x) => new Point(x)),
  small.map((ms) => new Date(ms)),
  small.map((byte) => Buffer.from([byte])),
  small.map((amount) => [new Hidden(amount)]),
  small.map((host) => new URL(`http://${host}.test`)),
  small.map((x) => ({ x, toJSON: () => [x] })),
  fc.constantFrom(undefined, Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol('x')),
);
const ofJson = fc.constantFrom(null, 0, 1, -0, 'x', 'y', true, {}, [], [null], [1, { a: null }]);
const place = fc.constantFrom('both', 'both', 'both', 'from', 'to');

/** Two values, of which parts are the same. */
function pairOf(leaf: fc.Arbitrary<unknown>): fc.Arbitrary<readonly [unknown, unknown]> {
  return fc.letrec<{ pair: readonly [unknown, unknown]; fields: readonly [unknown, unknown] }>(
    (tie) => ({
      pair: fc.oneof(
        { depthSize: 'small' },
        leaf.map((one) => [one, one] as const),
        fc.tuple(leaf, leaf),
        tie('fields'),
      ),
      fields: fc.array(fc.tuple(name, tie('pair'), place), { maxLength: 5 }).map((fields) => {
        const of = (i: 0 | 1, other: string) =>
          Object.fromEntries(
            fields.filter(([, , at]) => at !== other).map(([key, pair]) => [key, pair[i]]),
          );
        return [of(0, 'to'), of(1, 'from')] as const;
      }),
    }),
  ).fields;
}

it.each([
  ['JSON', ofJson],
  ['a codec', fc.oneof({ weight: 4, arbitrary: ofJson }, odd)],
])('makes exactly one value of another, of values of %s, or says that it cannot', (_of, leaf) => {
  let count = 0;
  fc.assert(
    fc.property(pairOf(leaf), ([from, to]) => {
      const patch = patchOf(from, to);
      if (patch === undefined) return;
      count += 1;
      const result = patched(sent(from), sent(patch) as typeof patch);
      expect(JSON.stringify(result)).toBe(JSON.stringify(sent(to)));
    }),
    { numRuns: 1000 },
  );
  expect(count).toBeGreaterThan(200);
});

it('has what its members would have after the whole value, in the order of its fields', () => {
  const at = new Date(0);
  expect(patchOf({ a: 1, b: 2 }, { b: 2, a: 1 })).toBe(undefined);
  expect(patchOf({ a: 1 }, { b: 2, a: 1 })).toBe(undefined);
  expect(patchOf({ a: [{ b: 1, c: 1 }] }, { a: [{ c: 1, b: 1 }] })).toEqual({
    a: [{ c: 1, b: 1 }],
  });
  expect(patchOf({ a: 1, b: 2, c: 3 }, { a: 1, c: 4, d: 5 })).toEqual({ c: 4, d: 5, b: null });
  expect(patchOf({ a: 1, at }, { a: 2, at: new Date(0) })).toEqual({ a: 2 });
});

it('has only what differs', () => {
  const from = { a: 1, b: { c: 2, d: [1, 2], e: { f: 1 } }, g: 1, h: { i: 1 } };
  const to = { a: 1, b: { c: 3, d: [1, 2], e: { f: 1 } }, h: { i: 1 }, j: { k: 1 } };
  expect(patchOf(from, to)).toEqual({ b: { c: 3 }, j: { k: 1 }, g: null });
  expect(patchOf(from, structuredClone(from))).toEqual({});
});

it('removes a field that was null, and keeps one', () => {
  expect(patchOf({ a: null, b: 1 }, { b: 2 })).toEqual({ a: null, b: 2 });
  expect(patchOf({ a: null, b: 1 }, { a: null, b: 2 })).toEqual({ b: 2 });
  expect(patchOf({ a: 1 }, { a: [null] })).toEqual({ a: [null] });
});

it('does not exist where a field becomes null, and for a value that is not a plain object', () => {
  for (const [from, to] of [
    [{ a: 1 }, { a: null }],
    [{}, { a: null }],
    [{ a: { b: 1 } }, { a: { b: null } }],
    [{ a: 1 }, { a: { b: null } }],
    [{ a: 1 }, { a: { b: { c: null } } }],
    [{ a: 1 }, { a: undefined }],
    [{ a: 1 }, { a: new Date(0) }],
    [{ a: 1 }, { a: Buffer.from('a') }],
    [{ a: 1 }, { a: Number.NaN }],
    [{ a: 1 }, { a: 1n }],
    [{ a: 1 }, { a: () => 1 }],
    [{ a: new Hidden(1) }, { a: new Hidden(2) }],
    [{ a: new Point(1) }, { a: { x: 2 } }],
    [
      { a: undefined, b: 1 },
      { a: 1, b: 1 },
    ],
    [{ toJSON: () => [1], a: 1 }, { a: 2 }],
    [{ a: 1 }, new Map()],
    [1, { a: 1 }],
    [{ a: 1 }, 1],
    [{ a: 1 }, [1]],
    [[1], { a: 1 }],
    [null, { a: 1 }],
  ]) {
    expect(patchOf(from, to)).toBe(undefined);
  }
});

it('does not exist for a value that is very deep', () => {
  const deep = (depth: number, end: number): unknown =>
    depth === 0 ? end : { a: deep(depth - 1, end) };
  expect(patchOf(deep(60, 1), deep(60, 2))).toEqual(deep(60, 2));
  expect(patchOf(deep(5000, 1), deep(5000, 2))).toBe(undefined);
  expect(patchOf({}, deep(5000, 2))).toBe(undefined);
  const list = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
  expect(patchOf({ a: list(60), b: 1 }, { a: list(60), b: 2 })).toEqual({ b: 2 });
  const [from, to] = [list(5000), list(5000)];
  expect(Object.keys(patchOf({ a: from, b: 1 }, { a: to, b: 2 })!)).toEqual(['a', 'b']);
});

/** Returns what a client has that gets a value, and then a patch. */
function patched(value: unknown, patch: Readonly<Record<string, unknown>>): unknown {
  const group = 'room';
  const live = new LiveState(group);
  live.take({ type: 'begin', group, epoch: 'e', recovered: false });
  live.take({ type: 'set', group, key: 'a', value, version: 1 });
  live.take({ type: 'patch', group, key: 'a', patch, from: 1, version: 2 });
  return live.get('a');
}

/** Returns what arrives of a value. */
function sent(value: unknown): unknown {
  const text: string | undefined = JSON.stringify(value);
  return text === undefined ? null : JSON.parse(text);
}
