import { Buffer } from 'node:buffer';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { isJsonObject, notJson } from '../../src/text/json-value.ts';

const carried = { name: 'ann', rooms: [1, true, null, { a: [] }], left: undefined };

it.each([
  ['a literal', carried],
  ['an object without a prototype', Object.assign(Object.create(null), carried)],
  ['an object of another realm', runInNewContext('({ a: [{ b: 1 }, {}] })')],
  ['what JSON.parse makes', JSON.parse('{"__proto__": [{"a": -1.5e3}]}')],
])('JSON carries %s', (_what, value) => {
  expect(notJson(value)).toBeUndefined();
  expect(isJsonObject(value)).toBe(true);
  expect(JSON.parse(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify({ ...value })));
});

const cycle: unknown[] = [];
cycle.push(cycle);
let deep: unknown = 0;
for (let i = 0; i < 100_000; i++) deep = [deep];

it.each([
  ['a hole', { rooms: Object.assign(new Array(3), { 0: 1, 2: 3 }) }, '.rooms.1', /undefined/],
  ['undefined in a list', { rooms: [1, undefined, 3] }, '.rooms.1', /undefined/],
  ['no value', undefined, '', /undefined/],
  ['bytes', { a: Buffer.from('x') }, '.a', /^bytes$/],
  ['bytes of another realm', runInNewContext('new Uint8Array(2)'), '', /Uint8Array/],
  ['a Map', [new Map()], '.0', /^a Map$/],
  ['a Date', { when: new Date(0) }, '.when', /^a Date$/],
  ['a Date of another realm', runInNewContext('new Date(0)'), '', /^a Date$/],
  ['no number', { a: [Number.NaN] }, '.a.0', /^NaN$/],
  ['a number without an end', Number.NEGATIVE_INFINITY, '', /^-Infinity$/],
  ['a big number', 1n, '', /bigint/],
  ['a function', { a: () => {} }, '.a', /function/],
  ['a JSON of its own', { a: { toJSON: () => 1 } }, '.a', /^a Object$/],
  ['itself', cycle, '', /itself/],
  ['too many levels', deep, '', /too many levels/],
])('JSON does not carry %s', (_what, value, path, what) => {
  expect(notJson(value)).toEqual({ path, what: expect.stringMatching(what) });
});
