// Pairs of schemas as zod and ArkType print them: which way round one takes everything that the other sends.

import type { JsonSchema } from '@headrace/rpc';
import { type } from 'arktype';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { differencesOf } from '../../src/compare/schema-subset.ts';

interface Printing {
  readonly '~standard': unknown;
}

function printed(schema: Printing): JsonSchema {
  const { jsonSchema } = schema['~standard'] as {
    jsonSchema: { input(options: { target: string }): JsonSchema };
  };
  return jsonSchema.input({ target: 'draft-2020-12' });
}

function paths(given: Printing, taken: Printing): string[] {
  const [one, other] = [printed(given), printed(taken)];
  const differences = differencesOf({ schema: one, root: one }, { schema: other, root: other });
  return [...new Set(differences.map(({ path, isCertain }) => (isCertain ? path : `${path}?`)))];
}

interface Tree {
  name: string;
  children: Tree[];
}
const tree = (name: z.ZodType<string>): z.ZodType<Tree> => {
  const node: z.ZodType<Tree> = z.lazy(() => z.object({ name, children: z.array(node) }));
  return node;
};

const cat = z.object({ kind: z.literal('cat'), lives: z.int() });
const dog = z.object({ kind: z.literal('dog') });
const bird = z.object({ kind: z.literal('bird') });
const text = z.string();

/** What is narrower, what is wider, and the places where the wider one does not fit into the narrower. */
const PAIRS: readonly [string, Printing, Printing, readonly string[]][] = [
  ['limits of a text', z.object({ a: text.min(2).max(4) }), z.object({ a: text.max(9) }), ['.a']],
  ['an integer', z.object({ a: z.int() }), z.object({ a: z.number() }), ['.a']],
  ['a range', z.number().min(1).max(5), z.number().min(0).max(9), ['']],
  ['a shortest length', z.array(text).min(2), z.array(text).min(1), ['']],
  ['an open bound', z.number().gt(1), z.number().gte(1), ['']],
  ['an open bound of integers', z.int().gt(0), z.int().gte(1).or(z.string()), ['']],
  ['a format', z.object({ a: z.email() }), z.object({ a: text }), ['.a']],
  ['null', z.object({ a: text }), z.object({ a: text.nullable() }), ['.a']],
  ['a member that is needed', z.object({ a: text }), z.object({ a: text.optional() }), ['.a']],
  ['values', z.enum(['a', 'b']), z.enum(['a', 'b', 'c']), ['']],
  ['values of a text', z.enum(['a', 'b']), text.max(1), ['']],
  ['a literal', z.literal(true), z.boolean(), ['']],
  [
    'booleans by their values',
    z.boolean(),
    z.union([z.literal(true), z.literal(false), text]),
    [''],
  ],
  [
    'a union by its tag',
    z.discriminatedUnion('kind', [cat, dog]),
    z.discriminatedUnion('kind', [bird, cat, dog]),
    [''],
  ],
  ['one branch of a tag', dog, z.discriminatedUnion('kind', [cat, dog]), ['.kind']],
  [
    'a union in another order',
    z.union([text, z.number()]),
    z.union([z.null(), z.number(), text]),
    [''],
  ],
  ['a closed object', z.strictObject({ a: text }), z.looseObject({ a: text }), ['.*']],
  ['a tuple', z.tuple([text, z.int()]), z.tuple([text, z.number()]), ['[1]']],
  ['a tuple in an array', z.tuple([text, text]), z.array(text), ['[]', '']],
  ['the rest of a tuple', z.tuple([text]).rest(z.int()), z.tuple([text]).rest(z.number()), ['[]']],
  ['lengths of arrays', z.array(text).min(1).max(2), z.array(text).max(3), ['']],
  ['a record', z.record(text, z.int()), z.record(text, z.number()), ['.*']],
  [
    'keys of a record',
    z.record(z.enum(['a']), text),
    z.partialRecord(z.enum(['a', 'b']), text),
    ['.*', '.a'],
  ],
  ['an object in a record', z.object({ a: text }), z.record(text, text), ['.a']],
  [
    'both of two objects',
    z.intersection(z.object({ a: text }), z.object({ b: text })),
    z.object({ b: text }),
    ['.a'],
  ],
  ['nothing', z.never(), text, ['']],
  ['a tree', tree(text.max(3)), tree(text), ['.name', '.children[].name']],
  ['ArkType’s union', type({ a: "'x' | 'y'" }), type({ a: 'string | null' }), ['.a']],
  ['ArkType’s range', type('1 < number < 5'), type('number >= 1'), ['']],
  ['ArkType’s divisor', type('number % 4'), type('number % 2'), ['']],
  ['ArkType’s optional member', type({ a: 'string' }), type({ 'a?': 'string' }), ['.a']],
  [
    'ArkType and zod',
    type({ a: 'number.integer', b: 'string[]' }),
    z.object({ a: z.number(), b: z.array(text) }),
    ['.a'],
  ],
];

describe.each(PAIRS)('%s', (_name, narrow, wide, places) => {
  it('fits into what is wider', () => {
    expect(paths(narrow, wide)).toEqual([]);
  });

  it('does not take everything that is wider', () => {
    expect(paths(wide, narrow)).toEqual(places);
  });

  it('fits into itself', () => {
    expect([...paths(narrow, narrow), ...paths(wide, wide)]).toEqual([]);
  });
});

it('takes members that it does not know, unless it is closed', () => {
  const [known, more] = [z.object({ a: text }), z.object({ a: text, b: text })];
  expect(paths(more, known)).toEqual([]);
  expect(paths(more, z.strictObject({ a: text }))).toEqual(['.b']);
  expect(paths(z.looseObject({ a: text }), z.object({ a: text, b: text.optional() }))).toEqual([
    '.b',
  ]);
});

it('is sure of oneOf only if no value can have two branches', () => {
  const found = (branch: JsonSchema): readonly string[] => {
    const taken = { oneOf: [{ type: 'number' }, branch] };
    const given = { type: 'number' };
    const differences = differencesOf(
      { schema: given, root: given },
      { schema: taken, root: taken },
    );
    return differences.map((each) => each.taken);
  };
  expect(found({ type: 'string' })).toEqual([]);
  expect(found({ minimum: 0 })).toEqual(['several branches of oneOf may accept the same']);
});
