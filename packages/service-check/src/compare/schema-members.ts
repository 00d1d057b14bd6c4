// The members and items that the values of an alternative may have.
import type { Alternative, Fact } from './schema-alternatives.ts';
import {
  asSchema,
  asSchemas,
  Incomparable,
  namedSchemas,
  own,
  type SchemaNode,
} from './schema-node.ts';

/** Keywords that may apply to members without a name. */
const OPENING = [
  'additionalProperties',
  'unevaluatedProperties',
  'if',
  'then',
  'else',
  'dependentSchemas',
  'dependencies',
  'not',
  '$dynamicRef',
];

/** Returns true if a schema's pattern matches a text. @throws Incomparable for a pattern that JavaScript does not support */
export function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch (error) {
    throw new Incomparable(`the pattern ${pattern} is not a regular expression of JavaScript`, {
      cause: error,
    });
  }
}

export function nodeAt({ schema, root }: Fact, keyword: string): SchemaNode | undefined {
  const value = schema[keyword];
  return value === undefined ? undefined : { schema: asSchema(value, keyword), root };
}

export function memberNames({ facts }: Alternative): Set<string> {
  return new Set(facts.flatMap(({ schema }) => Object.keys(namedSchemas(schema, 'properties'))));
}

export function requiredNames({ facts }: Alternative): Set<string> {
  return new Set(
    facts.flatMap(({ schema }) => (Array.isArray(schema['required']) ? schema['required'] : [])),
  );
}

/** Returns the patterns of members, with their schemas. */
export function patternsOf(facts: readonly Fact[]): (readonly [string, SchemaNode])[] {
  return facts.flatMap(({ schema, root }) =>
    Object.entries(namedSchemas(schema, 'patternProperties')).map(
      ([pattern, each]) => [pattern, { schema: each, root }] as const,
    ),
  );
}

/**
 * Returns true if a writer sends only the members that its schema names. The schema must name some members and not mention
 * others. Libraries remove unnamed members, and types do not contain them.
 */
function hasNamedOnly({ facts }: Alternative): boolean {
  const isOpened = facts.some(({ schema }) =>
    OPENING.some((keyword) => schema[keyword] !== undefined && schema[keyword] !== false),
  );
  return !isOpened && facts.some(({ schema }) => schema['properties'] !== undefined);
}

/** Returns the schemas for a member of this name, or `absent` if no value has the member. */
export function memberSchemas(
  alternative: Alternative,
  name: string,
  isWriter: boolean,
): SchemaNode[] | 'absent' {
  const nodes: SchemaNode[] = [];
  let isNamed = false;
  for (const fact of alternative.facts) {
    const named = own(namedSchemas(fact.schema, 'properties'), name);
    const patterned = patternsOf([fact]).filter(([pattern]) => matches(pattern, name));
    if (named !== undefined) nodes.push({ schema: named, root: fact.root });
    nodes.push(...patterned.map(([, node]) => node));
    const isOwn = named !== undefined || patterned.length > 0;
    const others = nodeAt(fact, 'additionalProperties');
    if (!isOwn && others !== undefined) nodes.push(others);
    isNamed ||= isOwn;
  }
  if (!isNamed && isWriter && hasNamedOnly(alternative)) return 'absent';
  return nodes.some(({ schema }) => schema === false) ? 'absent' : nodes;
}

/** Returns the schemas for members without a name or pattern, or `absent` if no value has such members. */
export function otherMembers(alternative: Alternative, isWriter: boolean): SchemaNode[] | 'absent' {
  const nodes = alternative.facts
    .map((fact) => nodeAt(fact, 'additionalProperties'))
    .filter((node) => node !== undefined);
  if (isWriter && hasNamedOnly(alternative)) return 'absent';
  return nodes.some(({ schema }) => schema === false) ? 'absent' : nodes;
}

/** Returns the largest number of a keyword, or, with `Math.min`, the smallest. */
export function numberOf(
  { facts }: Alternative,
  keyword: string,
  choose: (...numbers: number[]) => number,
): number | undefined {
  const numbers = facts
    .map(({ schema }) => schema[keyword])
    .filter((value) => typeof value === 'number');
  return numbers.length === 0 ? undefined : choose(...numbers);
}

/** Returns the number of items that have their own schema. */
export function prefixLength({ facts }: Alternative): number {
  return Math.max(0, ...facts.map(({ schema }) => prefixOf(schema['prefixItems']).length));
}

const prefixOf = (value: unknown) => (value === undefined ? [] : asSchemas(value, 'prefixItems'));

/** Returns the schemas for the item at an index. `Infinity` means an item after all items with their own schema. */
export function itemSchemas({ facts }: Alternative, index: number): SchemaNode[] {
  return facts.flatMap((fact) => {
    const schema = prefixOf(fact.schema['prefixItems'])[index];
    if (schema !== undefined) return [{ schema, root: fact.root }];
    return nodeAt(fact, 'items') ?? [];
  });
}

export function maxItemsOf(alternative: Alternative): number {
  const limits = alternative.facts.map(({ schema: { maxItems, items, prefixItems } }) =>
    Math.min(
      typeof maxItems === 'number' ? maxItems : Number.POSITIVE_INFINITY,
      items === false ? prefixOf(prefixItems).length : Number.POSITIVE_INFINITY,
    ),
  );
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}
