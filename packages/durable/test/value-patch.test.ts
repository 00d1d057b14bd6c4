import { Buffer } from 'node:buffer';
import { LiveState } from '@headrace/client';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { patchOf } from '../src/value-patch.ts';

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, 0, 1, -0, 'x', 'y', true, [], [null], [1, { a: null }]),
    fc.dictionary(name, tie('value'), { noNullPrototype: true }),
  ),
}));

it('makes one value of another, whatever they are, or says that it cannot', () => {
  fc.assert(
    fc.property(json, json, (from, to) => {
      const patch = patchOf(from, to);
      if (patch === undefined) return;
      const sent = JSON.parse(JSON.stringify(patch)) as typeof patch;
      const [result, wanted] = [patched(from, sent), to].map((one) => JSON.stringify(sorted(one)));
      expect(result).toBe(wanted);
    }),
    { numRuns: 2000 },
  );
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

/** Returns a value whose fields have one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return fields.map(([key, one]) => [key, sorted(one)]);
}
