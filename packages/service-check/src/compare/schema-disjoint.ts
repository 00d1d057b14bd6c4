// Proves that a schema accepts no value of an alternative.

import { lowerBound, upperBound } from './scalar-keywords.ts';
import {
  type Alternative,
  alternativesOf,
  hasKind,
  listedValues,
  typesOf,
} from './schema-alternatives.ts';
import { memberSchemas, requiredNames } from './schema-members.ts';
import {
  acceptsAll,
  asSchema,
  asSchemas,
  isObject,
  type Keywords,
  namedSchemas,
  referenced,
  type SchemaNode,
  sameJson,
} from './schema-node.ts';

const MAX_DEPTH = 30;

/** Returns true if the schema certainly accepts none of the values. Returns false if the schema may accept a value. */
export function isDisjoint(
  given: Alternative,
  { schema, root }: SchemaNode,
  isWriter: boolean,
  depth = 0,
): boolean {
  if (!isObject(schema)) return schema === false;
  if (depth > MAX_DEPTH) return false;
  const within = (each: SchemaNode): boolean => isDisjoint(given, each, isWriter, depth + 1);
  const nodes = (keyword: string): SchemaNode[] =>
    asSchemas(schema[keyword], keyword).map((each) => ({ schema: each, root }));
  return (
    isOtherKind(given, schema) ||
    isOtherValue(given, schema) ||
    isOtherRange(given, schema) ||
    hasOtherMember(given, { schema, root }, isWriter, depth) ||
    (schema['$ref'] !== undefined && within(referenced(schema['$ref'], root))) ||
    (schema['allOf'] !== undefined && nodes('allOf').some(within)) ||
    (schema['anyOf'] !== undefined && nodes('anyOf').every(within)) ||
    (schema['oneOf'] !== undefined && nodes('oneOf').every(within)) ||
    (schema['not'] !== undefined && acceptsAll({ schema: asSchema(schema['not'], 'not'), root }))
  );
}

function isOtherKind({ kind, only }: Alternative, schema: Keywords): boolean {
  const types = typesOf(schema);
  if (!hasKind(types, kind)) return true;
  const isBroken = typeof only?.value === 'number' && !Number.isInteger(only.value);
  return isBroken && types !== undefined && !types.includes('number');
}

function isOtherValue({ kind, only }: Alternative, schema: Keywords): boolean {
  const values = listedValues(schema);
  if (values === undefined) return false;
  if (only !== undefined) return !values.some((value) => sameJson(value, only.value));
  return values.every((value) => typeof value !== 'object' && typeof value !== kind);
}

function isOtherRange(given: Alternative, { minimum, maximum }: Keywords): boolean {
  if (given.kind !== 'number') return false;
  const low = lowerBound(given)?.value ?? Number.NEGATIVE_INFINITY;
  const high = upperBound(given)?.value ?? Number.POSITIVE_INFINITY;
  return (
    (typeof minimum === 'number' && high < minimum) ||
    (typeof maximum === 'number' && low > maximum)
  );
}

/** Returns true if the schema refuses a member that each value has, or needs a member that no value has. */
function hasOtherMember(
  given: Alternative,
  { schema, root }: SchemaNode,
  isWriter: boolean,
  depth: number,
): boolean {
  if (given.kind !== 'object' || !isObject(schema)) return false;
  const sure = requiredNames(given);
  const needed = Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];
  if (needed.some((name) => memberSchemas(given, name, isWriter) === 'absent')) return true;
  return Object.entries(namedSchemas(schema, 'properties')).some(([name, each]) => {
    const nodes = memberSchemas(given, name, isWriter);
    if (!sure.has(name) || nodes === 'absent') return false;
    const taken = { schema: each, root };
    return alternativesOf(nodes).every((one) => isDisjoint(one, taken, isWriter, depth + 1));
  });
}
