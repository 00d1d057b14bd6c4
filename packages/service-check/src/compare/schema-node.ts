// Schemas with the document that their references point to.
import type { JsonSchema } from '@headrace/rpc';

/** A schema as an object of keywords. */
export type Keywords = Readonly<Record<string, unknown>>;

export interface SchemaNode {
  readonly schema: JsonSchema;
  /** The whole document, where `$ref` starts. */
  readonly root: JsonSchema;
}

/** An error that stops a comparison without a certain result. The text of the error is the cause. */
export class Incomparable extends Error {
  override readonly name = 'Incomparable';
}

/** Keywords that refuse no value. */
const SILENT = new Set([
  'title',
  'description',
  'examples',
  'default',
  'deprecated',
  'readOnly',
  'writeOnly',
  'id',
  '$comment',
  '$schema',
  '$defs',
  'definitions',
]);

/** Keywords whose values are schemas under names of the application. */
const BY_NAME = new Set(['properties', 'patternProperties', 'dependentSchemas']);

/** Keywords whose values are data. */
const DATA = new Set(['const', 'enum', 'required', 'dependentRequired']);

export function isObject(value: unknown): value is Keywords {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the keywords of a schema that refuse values, with their values. Returns none for `true`. */
export function keywordsOf({ schema, root }: SchemaNode): [string, unknown][] {
  if (typeof schema === 'boolean') return [];
  return Object.entries(schema).filter(
    ([keyword]) => !SILENT.has(keyword) && !(keyword === '$id' && schema === root),
  );
}

export function acceptsAll(node: SchemaNode): boolean {
  return node.schema !== false && keywordsOf(node).length === 0;
}

/** Returns the named schemas below a keyword. */
export function namedSchemas(schema: Keywords, keyword: string): Record<string, JsonSchema> {
  const named = schema[keyword];
  return isObject(named) ? (named as Record<string, JsonSchema>) : {};
}

export function own<T>(members: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}

/** Returns a value below a keyword as a schema. @throws Incomparable for other values, such as lists in drafts before 2020-12 */
export function asSchema(value: unknown, keyword: string): JsonSchema {
  if (typeof value === 'boolean' || isObject(value)) return value;
  throw new Incomparable(`${keyword} is not a schema of draft 2020-12`);
}

export function asSchemas(value: unknown, keyword: string): JsonSchema[] {
  if (Array.isArray(value)) return value.map((each) => asSchema(each, keyword));
  throw new Incomparable(`${keyword} is not a list of schemas`);
}

/** Returns the schema that a reference points to. @throws Incomparable for a reference to another document */
export function referenced(reference: unknown, root: JsonSchema): SchemaNode {
  if (typeof reference !== 'string' || !/^#(?:\/|$)/.test(reference)) {
    throw new Incomparable(`$ref ${JSON.stringify(reference)} points out of the description`);
  }
  let place: unknown = root;
  for (const part of reference.slice(1).split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    const isThere = typeof place === 'object' && place !== null && Object.hasOwn(place, name);
    if (!isThere) throw new Incomparable(`$ref ${reference} points at nothing`);
    place = (place as Keywords)[name];
  }
  return { schema: asSchema(place, '$ref'), root };
}

/** Returns true if two JSON values are equal. The order of members does not count. */
export function sameJson(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, i) => sameJson(each, other[i]));
  }
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && sameJson(one[name], other[name]))
  );
}

/** Returns a schema without the keywords that refuse no value. */
function bare(value: unknown, kind: 'schema' | 'names' = 'schema'): unknown {
  if (Array.isArray(value)) return value.map((each) => bare(each));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(
    ([name]) => kind === 'names' || !SILENT.has(name) || name === '$defs' || name === 'definitions',
  );
  return Object.fromEntries(
    kept.map(([name, each]) => {
      if (kind === 'schema' && DATA.has(name)) return [name, each];
      const isNamed = BY_NAME.has(name) || name === '$defs' || name === 'definitions';
      return [name, bare(each, kind === 'schema' && isNamed ? 'names' : 'schema')];
    }),
  );
}

/** Returns true if two schemas, with their references, are equal except for their documentation. */
export function sameMeaning(one: SchemaNode, other: SchemaNode): boolean {
  return sameKeyword('', one.schema, one.root, other.schema, other.root);
}

export function sameKeyword(
  keyword: string,
  one: unknown,
  oneRoot: JsonSchema,
  other: unknown,
  otherRoot: JsonSchema,
): boolean {
  const wrapped = (value: unknown): unknown =>
    keyword === '' ? bare(value) : bare({ [keyword]: value });
  if (!sameJson(wrapped(one), wrapped(other))) return false;
  const text = JSON.stringify(one) ?? '';
  if (!/"\$(?:ref|dynamicRef|recursiveRef)"/.test(text)) return true;
  return sameJson(bare(oneRoot), bare(otherRoot));
}
