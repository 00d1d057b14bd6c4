// The members and the items that values of an alternative may have.
import type { Alternative, Fact } from './schema-alternatives.ts';
import {
  asSchema,
  asSchemas,
  Incomparable,
  namedSchemas,
  own,
  type SchemaNode,
} from './schema-node.ts';

/** Keywords that may speak of members whose names stand nowhere else. */
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

/** Whether a pattern of a schema matches a text. @throws Incomparable for one that JavaScript does not have */
export function matches(pattern: string, text: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch (error) {
    throw new Incomparable(`the pattern ${pattern} is not a regular expression of JavaScript`, {
      cause: error,
    });
  }
}

/** A schema below a keyword of a fact. */
export function nodeAt({ schema, root }: Fact, keyword: string): SchemaNode | undefined {
  const value = schema[keyword];
  return value === undefined ? undefined : { schema: asSchema(value, keyword), root };
}

/** The names that facts give to members. */
export function memberNames({ facts }: Alternative): Set<string> {
  return new Set(facts.flatMap(({ schema }) => Object.keys(namedSchemas(schema, 'properties'))));
}

/** The names without which a value is refused. */
export function requiredNames({ facts }: Alternative): Set<string> {
  return new Set(
    facts.flatMap(({ schema }) => (Array.isArray(schema['required']) ? schema['required'] : [])),
  );
}

/** The schemas of members by pattern: the pattern and its schema. */
export function patternsOf(facts: readonly Fact[]): (readonly [string, SchemaNode])[] {
  return facts.flatMap(({ schema, root }) =>
    Object.entries(namedSchemas(schema, 'patternProperties')).map(
      ([pattern, each]) => [pattern, { schema: each, root }] as const,
    ),
  );
}

/**
 * Whether a writer sends no member but those with names: it knows some by name, and says nothing of others. Libraries take
 * such members off, and types do not have them.
 */
function hasNamedOnly({ facts }: Alternative): boolean {
  const isOpened = facts.some(({ schema }) =>
    OPENING.some((keyword) => schema[keyword] !== undefined && schema[keyword] !== false),
  );
  return !isOpened && facts.some(({ schema }) => schema['properties'] !== undefined);
}

/** What a member of this name fulfills; `absent` if no value has it. */
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

/** What members fulfill that have neither a name nor a pattern; `absent` if no value has such. */
export function otherMembers(alternative: Alternative, isWriter: boolean): SchemaNode[] | 'absent' {
  const nodes = alternative.facts
    .map((fact) => nodeAt(fact, 'additionalProperties'))
    .filter((node) => node !== undefined);
  if (isWriter && hasNamedOnly(alternative)) return 'absent';
  return nodes.some(({ schema }) => schema === false) ? 'absent' : nodes;
}

/** The largest of a keyword's numbers, or the smallest with `Math.min`. */
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

/** How many items stand in places of their own. */
export function prefixLength({ facts }: Alternative): number {
  return Math.max(0, ...facts.map(({ schema }) => prefixOf(schema['prefixItems']).length));
}

const prefixOf = (value: unknown) => (value === undefined ? [] : asSchemas(value, 'prefixItems'));

/** What the item at a place fulfills; at `Infinity`, one behind all places of their own. */
export function itemSchemas({ facts }: Alternative, index: number): SchemaNode[] {
  return facts.flatMap((fact) => {
    const schema = prefixOf(fact.schema['prefixItems'])[index];
    if (schema !== undefined) return [{ schema, root: fact.root }];
    return nodeAt(fact, 'items') ?? [];
  });
}

/** The largest number of items. */
export function maxItemsOf(alternative: Alternative): number {
  const limits = alternative.facts.map(({ schema: { maxItems, items, prefixItems } }) =>
    Math.min(
      typeof maxItems === 'number' ? maxItems : Number.POSITIVE_INFINITY,
      items === false ? prefixOf(prefixItems).length : Number.POSITIVE_INFINITY,
    ),
  );
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}
