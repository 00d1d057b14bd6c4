import fc from 'fast-check';
import { expect, it } from 'vitest';
import { merged } from '../../src/live/merged.ts';

const parsed = (text: string): unknown => JSON.parse(text);

it.each([
  // The test cases of RFC 7396, appendix A: the value, the patch, the result.
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
])('merges %s with %s', (value, patch, result) => {
  expect(JSON.stringify(merged(parsed(value), parsed(patch)))).toBe(result);
});

it('leaves the value as it is, and keeps the objects that do not change', () => {
  const value = { same: { a: [1] }, other: { b: 1, c: 2 } };
  const result = merged(value, { other: { b: 3 } }) as typeof value;
  expect(value).toEqual({ same: { a: [1] }, other: { b: 1, c: 2 } });
  expect(result).toEqual({ same: { a: [1] }, other: { b: 3, c: 2 } });
  expect(result.same).toBe(value.same);
});

it('makes a field of any name, and nothing else', () => {
  const patch = parsed('{"__proto__":{"x":1},"constructor":{"prototype":{"y":1}}}');
  const result = merged({}, patch) as Record<string, unknown>;
  expect(Object.keys(result)).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  expect([({} as { x?: number }).x, ({} as { y?: number }).y]).toEqual([undefined, undefined]);
});

it('is what remains after the same patch again', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, patch) => {
      const once = merged(value, patch);
      expect(merged(once, patch)).toEqual(once);
    }),
  );
});
