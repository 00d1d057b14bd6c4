// The keywords of objects and arrays: the part of an alternative that a reader's keyword refuses.
import { type Difference, inWords, memberPath } from './difference.ts';
import { numeric } from './scalar-keywords.ts';
import { type Alternative, type Fact, typesOf } from './schema-alternatives.ts';
import {
  itemSchemas,
  matches,
  maxItemsOf,
  memberNames,
  memberSchemas,
  numberOf,
  otherMembers,
  patternsOf,
  prefixLength,
  requiredNames,
} from './schema-members.ts';
import { asSchema, asSchemas, namedSchemas, type SchemaNode } from './schema-node.ts';

/** The comparison that a keyword's schemas are passed to. */
export interface Proof {
  /** Whether the left side is a writer, which sends no members that it does not know. */
  readonly isWriter: boolean;
  differences(given: readonly SchemaNode[], taken: SchemaNode, path: string): Difference[];
}

/** A keyword of a reader, with the schema that contains it. */
export type ContainerRule = (
  proof: Proof,
  given: Alternative,
  taken: Fact,
  path: string,
) => Difference[];

const at = (path: string, given: string, taken: string): Difference[] => [
  { path, given, taken, isCertain: true },
];

export const OBJECT_RULES: Readonly<Record<string, ContainerRule>> = {
  required: (_proof, given, { schema }, path) => {
    const sure = requiredNames(given);
    const names = Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];
    return names
      .filter((name) => !sure.has(name))
      .flatMap((name) =>
        at(memberPath(path, name), 'nothing here', 'no value without this member'),
      );
  },
  properties: (proof, given, { schema, root }, path) =>
    Object.entries(namedSchemas(schema, 'properties')).flatMap(([name, each]) =>
      memberDifferences(proof, given, name, { schema: each, root }, path),
    ),
  patternProperties: (proof, given, taken, path) =>
    patternsOf([taken]).flatMap(([pattern, node]) => {
      const named = [...memberNames(given)].filter((name) => matches(pattern, name));
      return [
        ...named.flatMap((name) => memberDifferences(proof, given, name, node, path)),
        ...unnamedDifferences(proof, given, node, path),
      ];
    }),
  additionalProperties: (proof, given, { schema, root }, path) => {
    const node = { schema: asSchema(schema['additionalProperties'], 'additionalProperties'), root };
    const known = namedSchemas(schema, 'properties');
    const patterns = Object.keys(namedSchemas(schema, 'patternProperties'));
    const isKnown = (name: string): boolean =>
      Object.hasOwn(known, name) || patterns.some((pattern) => matches(pattern, name));
    const named = [...memberNames(given)].filter((name) => !isKnown(name));
    return [
      ...named.flatMap((name) => memberDifferences(proof, given, name, node, path)),
      ...unnamedDifferences(proof, given, node, path, patterns),
    ];
  },
  propertyNames: (proof, given, { schema, root }, path) => {
    const node = { schema: asSchema(schema['propertyNames'], 'propertyNames'), root };
    const names = [...memberNames(given)].filter(
      (name) => memberSchemas(given, name, proof.isWriter) !== 'absent',
    );
    const fromNames = names.flatMap((name) =>
      proof.differences([{ schema: { const: name }, root: true }], node, memberPath(path, name)),
    );
    const hasOthers =
      patternsOf(given.facts).length > 0 || otherMembers(given, proof.isWriter) !== 'absent';
    return hasOthers
      ? [...fromNames, ...proof.differences(nameSchemas(given), node, `${path}.*`)]
      : fromNames;
  },
  minProperties: (_proof, given, { schema }, path) => {
    const least = Math.max(
      requiredNames(given).size,
      numberOf(given, 'minProperties', Math.max) ?? 0,
    );
    const limit = numeric(schema['minProperties']);
    return least >= limit ? [] : at(path, `${least} members`, `${limit} members or more`);
  },
  maxProperties: (proof, given, { schema }, path) => {
    const most = Math.min(
      mostMembers(proof, given),
      numberOf(given, 'maxProperties', Math.min) ?? 1 / 0,
    );
    const limit = numeric(schema['maxProperties']);
    return most <= limit ? [] : at(path, `more than ${limit} members`, `at most ${limit}`);
  },
};

/** Returns the maximum number of members. Each member has only one name, but some names may have no member. */
function mostMembers({ isWriter }: Proof, given: Alternative): number {
  const isOpen = patternsOf(given.facts).length > 0 || otherMembers(given, isWriter) !== 'absent';
  return isOpen ? Number.POSITIVE_INFINITY : memberNames(given).size;
}

function nameSchemas({ facts }: Alternative): SchemaNode[] {
  const own = facts
    .filter(({ schema }) => schema['propertyNames'] !== undefined)
    .map(({ schema, root }) => ({
      schema: asSchema(schema['propertyNames'], 'propertyNames'),
      root,
    }));
  return [{ schema: { type: 'string' }, root: true }, ...own];
}

function memberDifferences(
  proof: Proof,
  given: Alternative,
  name: string,
  taken: SchemaNode,
  path: string,
): Difference[] {
  const nodes = memberSchemas(given, name, proof.isWriter);
  if (nodes === 'absent') return [];
  const place = memberPath(path, name);
  if (taken.schema === false) return refusedMember(proof, nodes, place);
  return proof.differences(nodes, taken, place);
}

function refusedMember(proof: Proof, nodes: readonly SchemaNode[], place: string): Difference[] {
  const nothing = { schema: false, root: false };
  const isPossible = proof.differences(nodes, nothing, place).length > 0;
  return isPossible ? at(place, 'this member', 'no value with it') : [];
}

/** Compares members without a name: members by pattern, except for the reader's `elsewhere` patterns, and all other members. */
function unnamedDifferences(
  proof: Proof,
  given: Alternative,
  taken: SchemaNode,
  path: string,
  elsewhere: readonly string[] = [],
): Difference[] {
  const place = `${path}.*`;
  const compared = (nodes: readonly SchemaNode[]): Difference[] =>
    taken.schema === false
      ? refusedMember(proof, nodes, place)
      : proof.differences(nodes, taken, place);
  const patterned = patternsOf(given.facts)
    .filter(([pattern]) => !elsewhere.includes(pattern))
    .flatMap(([, node]) => compared([node]));
  const others = otherMembers(given, proof.isWriter);
  return others === 'absent' ? patterned : [...patterned, ...compared(others)];
}

export const ARRAY_RULES: Readonly<Record<string, ContainerRule>> = {
  prefixItems: (proof, given, { schema, root }, path) =>
    asSchemas(schema['prefixItems'], 'prefixItems').flatMap((each, index) =>
      itemDifferences(proof, given, index, { schema: each, root }, `${path}[${index}]`),
    ),
  items: (proof, given, { schema, root }, path) => {
    const node = { schema: asSchema(schema['items'], 'items'), root };
    const { prefixItems = [] } = schema;
    const first = asSchemas(prefixItems, 'prefixItems').length;
    const last = Math.max(first, prefixLength(given));
    const places = Array.from({ length: last - first }, (_, i) => first + i);
    return [
      ...places.flatMap((i) => itemDifferences(proof, given, i, node, `${path}[${i}]`)),
      ...itemDifferences(proof, given, last, node, `${path}[]`),
    ];
  },
  minItems: (_proof, given, { schema }, path) => {
    const least = numberOf(given, 'minItems', Math.max) ?? 0;
    const limit = numeric(schema['minItems']);
    return least >= limit ? [] : at(path, `${least} items`, `${limit} items or more`);
  },
  maxItems: (_proof, given, { schema }, path) => {
    const limit = numeric(schema['maxItems']);
    return maxItemsOf(given) <= limit
      ? []
      : at(path, `more than ${limit} items`, `at most ${limit}`);
  },
  uniqueItems: (_proof, given, { schema }, path) => {
    const isUnique = given.facts.some(({ schema: own }) => own['uniqueItems'] === true);
    if (schema['uniqueItems'] !== true || isUnique || maxItemsOf(given) <= 1) return [];
    return at(path, 'the same item twice', 'each item once');
  },
};

function itemDifferences(
  proof: Proof,
  given: Alternative,
  index: number,
  taken: SchemaNode,
  path: string,
): Difference[] {
  if (maxItemsOf(given) <= index) return [];
  return proof.differences(itemSchemas(given, index), taken, path);
}

/** Compares the kind of an alternative with a reader's types. */
export function typeDifferences(given: Alternative, { schema }: Fact, path: string): Difference[] {
  const types = typesOf(schema) ?? [];
  const isTaken = types.includes(given.kind) || (given.isInteger && types.includes('integer'));
  return isTaken ? [] : at(path, inWords(given), types.join(' or '));
}
