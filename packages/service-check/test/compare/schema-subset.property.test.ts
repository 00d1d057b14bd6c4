import type { JsonSchema } from '@headrace/rpc';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { differencesOf } from '../../src/compare/schema-subset.ts';
import { accepts, mayBeSent } from './schema-validator.ts';

const NAMES = ['a', 'b', 'x1'] as const;
const scalar = fc.constantFrom<unknown>(
  null,
  true,
  false,
  -1,
  0,
  1,
  1.5,
  2,
  4,
  '',
  'a',
  'ab',
  '@c',
);
const type = fc.constantFrom('null', 'boolean', 'integer', 'number', 'string', 'array', 'object');
const small = fc.integer({ min: 0, max: 3 });
const some = { requiredKeys: [] };

/** Schemas of a few keywords each, over few names and values, so that pairs often agree. */
const { schema } = fc.letrec<{ schema: JsonSchema }>((tie) => {
  const inner = tie('schema');
  const members = fc.dictionary(fc.constantFrom(...NAMES), inner, { maxKeys: 2 });
  const branches = fc.array(inner, { minLength: 1, maxLength: 2 });
  return {
    schema: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom<JsonSchema>(
        true,
        { type: 'string' },
        { type: 'integer' },
        { const: 1 },
        false,
      ),
      fc.record({ type }),
      fc.record({ enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 3 }) }),
      fc.record({ const: scalar }),
      fc.record({ type: fc.uniqueArray(type, { minLength: 1, maxLength: 3 }) }),
      fc.record(
        {
          type: fc.constantFrom('number', 'integer'),
          minimum: small,
          maximum: small,
          exclusiveMinimum: small,
          exclusiveMaximum: small,
          multipleOf: fc.constantFrom(1, 2, 0.5),
        },
        some,
      ),
      fc.record(
        {
          type: fc.constant('string'),
          minLength: small,
          maxLength: small,
          pattern: fc.constantFrom('^a', 'b'),
          format: fc.constant('handle'),
        },
        some,
      ),
      fc.record(
        {
          type: fc.constant('object'),
          properties: members,
          required: fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 2 }),
          additionalProperties: inner,
          patternProperties: fc.dictionary(fc.constantFrom('^x', '1$'), inner, { maxKeys: 1 }),
          propertyNames: fc.constantFrom({ pattern: '^a' }, { enum: ['a', 'b'] }, { maxLength: 1 }),
          minProperties: small,
          maxProperties: small,
        },
        some,
      ),
      // Objects as libraries print them.
      fc.record({
        type: fc.constant('object'),
        properties: members,
        required: fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 2 }),
      }),
      fc.record(
        {
          type: fc.constant('array'),
          items: inner,
          prefixItems: branches,
          minItems: small,
          maxItems: small,
          uniqueItems: fc.boolean(),
        },
        some,
      ),
      fc.record({ anyOf: branches }),
      fc.record({ oneOf: branches }),
      fc.record({ allOf: branches }),
      fc.record({ not: inner, type }, { requiredKeys: ['not'] }),
      fc.record({ properties: members, anyOf: branches }),
    ) as fc.Arbitrary<JsonSchema>,
  };
});

/** A schema that refers to itself, or to a part that a pair shares. */
const document = fc.oneof(
  schema,
  schema.map((each): JsonSchema => ({ anyOf: [each, { type: 'array', items: { $ref: '#' } }] })),
  fc.tuple(schema, fc.boolean()).map(
    ([each, isNeeded]): JsonSchema => ({
      $defs: {
        node: {
          type: 'object',
          properties: { a: each, b: { $ref: '#/$defs/node' } },
          ...(isNeeded ? { required: ['a'] } : {}),
        },
      },
      $ref: '#/$defs/node',
    }),
  ),
);

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES, 'c'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** An object or an array, as loose or as closed as chance has it. */
const container = fc.record(
  {
    properties: fc.dictionary(fc.constantFrom(...NAMES), schema, { minKeys: 1, maxKeys: 2 }),
    additionalProperties: fc.constantFrom<JsonSchema>(
      false,
      true,
      { type: 'string' },
      { const: 1 },
    ),
    patternProperties: fc.dictionary(fc.constantFrom('^x', '^b'), schema, { maxKeys: 1 }),
    prefixItems: fc.array(schema, { minLength: 1, maxLength: 2 }),
    items: schema,
  },
  { requiredKeys: ['properties'] },
) as fc.Arbitrary<JsonSchema>;

/** The same with another schema in one place. */
function altered(one: JsonSchema, other: JsonSchema, keyword: string): JsonSchema {
  if (typeof one === 'boolean') return other;
  const place = one[keyword];
  if (Array.isArray(place)) return { ...one, [keyword]: [other, ...place.slice(1)] };
  if (!['properties', 'patternProperties'].includes(keyword)) return { ...one, [keyword]: other };
  const [name = 'a'] = Object.keys(place ?? {});
  return { ...one, [keyword]: { ...(place as object), [name]: other } };
}

const KEYWORDS = [
  'properties',
  'additionalProperties',
  'patternProperties',
  'prefixItems',
  'items',
];

/** A schema and one that differs from it in little, or not at all. */
const pair = fc.oneof(
  fc.tuple(document, document),
  document.map((each) => [each, each] as const),
  fc.tuple(document, schema).map(([one, other]) => [one, widened(one, other)] as const),
  fc.tuple(document, schema).map(([one, other]) => [widened(one, other), one] as const),
  fc
    .tuple(container, schema, fc.constantFrom(...KEYWORDS), fc.boolean())
    .map(([one, other, keyword, isBack]) => {
      const changed = altered(one, other, keyword);
      return isBack ? ([changed, one] as const) : ([one, changed] as const);
    }),
);

function widened(one: JsonSchema, other: JsonSchema): JsonSchema {
  if (typeof one === 'boolean' || one['$ref'] !== undefined) return { anyOf: [one, other] };
  const { properties, ...rest } = one;
  if (properties === undefined) return { anyOf: [other, one] };
  return { ...rest, properties: { ...(properties as object), c: other } };
}

it('finds a difference wherever a writer may send a value that a reader refuses', () => {
  let proven = 0;
  let sent = 0;
  fc.assert(
    fc.property(
      pair,
      fc.array(value, { minLength: 20, maxLength: 40 }),
      ([given, taken], values) => {
        const differences = differencesOf(
          { schema: given, root: given },
          { schema: taken, root: taken },
        );
        if (differences.length > 0) return;
        proven++;
        for (const each of values) {
          if (!mayBeSent(given, each)) continue;
          sent++;
          expect(accepts(taken, each), JSON.stringify({ given, taken, each })).toBe(true);
        }
      },
    ),
    { seed: 20_261_125, numRuns: 2500 },
  );
  // Enough pairs are proven, and values looked at, that the property says something.
  expect(proven).toBeGreaterThan(300);
  expect(sent).toBeGreaterThan(300);
});
