// A small validator of JSON Schema, written apart from the comparison: it looks at values, never at two schemas.
import { isDeepStrictEqual } from 'node:util';
import type { JsonSchema } from '@headrace/rpc';

type Keywords = Readonly<Record<string, unknown>>;

/** One way in which a value fulfills a schema: the members that this way knows by name, and whether it takes others. */
interface Way {
  /** Undefined if it names none. */
  readonly names: ReadonlySet<string> | undefined;
  readonly isOpen: boolean;
}

/** Whether a schema accepts a value, as a reader does that leaves out members that it does not know. */
export function accepts(root: JsonSchema, value: unknown): boolean {
  return ways(root, value, root, false).length > 0;
}

/** Whether a writer may send a value: accepted, and no member at any depth but those that one way knows by name. */
export function mayBeSent(root: JsonSchema, value: unknown): boolean {
  return isSent(root, value, root, true);
}

function isSent(schema: JsonSchema, value: unknown, root: JsonSchema, isWriter: boolean): boolean {
  return ways(schema, value, root, isWriter).some(
    ({ names, isOpen }) =>
      !isWriter ||
      isOpen ||
      names === undefined ||
      !isMembers(value) ||
      Object.keys(value).every((name) => names.has(name)),
  );
}

const isMembers = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** All ways in which a value fulfills a schema; none if it does not. */
function ways(schema: JsonSchema, value: unknown, root: JsonSchema, isWriter: boolean): Way[] {
  if (typeof schema === 'boolean') return schema ? [plain({})] : [];
  if (!keywordsHold(schema, value, root, isWriter)) return [];
  const inner = (each: unknown): Way[] => ways(each as JsonSchema, value, root, isWriter);
  let all: Way[] = [plain(schema)];
  if (schema['$ref'] !== undefined)
    all = joined(all, inner(target(schema['$ref'] as string, root)));
  for (const each of (schema['allOf'] ?? []) as unknown[]) all = joined(all, inner(each));
  if (schema['anyOf'] !== undefined)
    all = joined(all, (schema['anyOf'] as unknown[]).flatMap(inner));
  if (schema['oneOf'] !== undefined) {
    const fitting = (schema['oneOf'] as JsonSchema[]).filter(
      (each) => ways(each, value, root, false).length > 0,
    );
    all = fitting.length === 1 ? joined(all, inner(fitting[0])) : [];
  }
  return all;
}

function plain(schema: Keywords): Way {
  const members = schema['properties'] as Keywords | undefined;
  const names = members === undefined ? undefined : new Set(Object.keys(members));
  const opening = ['additionalProperties', 'not'].some(
    (keyword) => schema[keyword] !== undefined && schema[keyword] !== false,
  );
  return { names, isOpen: opening };
}

function joined(ones: readonly Way[], others: readonly Way[]): Way[] {
  return ones.flatMap((one) =>
    others.map((other) => ({
      names:
        one.names === undefined && other.names === undefined
          ? undefined
          : new Set([...(one.names ?? []), ...(other.names ?? [])]),
      isOpen: one.isOpen || other.isOpen,
    })),
  );
}

function target(reference: string, root: JsonSchema): JsonSchema {
  if (reference === '#') return root;
  return ((root as Keywords)['$defs'] as Record<string, JsonSchema>)[reference.slice(8)]!;
}

function keywordsHold(
  schema: Keywords,
  value: unknown,
  root: JsonSchema,
  isWriter: boolean,
): boolean {
  const { type, const: only, enum: listed, not } = schema;
  if (type !== undefined && ![type].flat().some((each) => hasType(each as string, value)))
    return false;
  if ('const' in schema && !isDeepStrictEqual(only, value)) return false;
  if (Array.isArray(listed) && !listed.some((each) => isDeepStrictEqual(each, value))) return false;
  if (not !== undefined && ways(not as JsonSchema, value, root, false).length > 0) return false;
  if (typeof value === 'number') return numberHolds(schema, value);
  if (typeof value === 'string') return stringHolds(schema, value);
  const within = (each: unknown, part: unknown): boolean =>
    isSent(each as JsonSchema, part, root, isWriter);
  if (Array.isArray(value)) return arrayHolds(schema, value, within);
  return !isMembers(value) || objectHolds(schema, value, within);
}

function hasType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isMembers(value);
  return type === 'integer' ? Number.isInteger(value) : typeof value === type;
}

function numberHolds(schema: Keywords, value: number): boolean {
  const holds = (keyword: string, test: (limit: number) => boolean): boolean =>
    schema[keyword] === undefined || test(schema[keyword] as number);
  return (
    holds('minimum', (limit) => value >= limit) &&
    holds('maximum', (limit) => value <= limit) &&
    holds('exclusiveMinimum', (limit) => value > limit) &&
    holds('exclusiveMaximum', (limit) => value < limit) &&
    holds('multipleOf', (step) => Number.isInteger(value / step))
  );
}

function stringHolds(schema: Keywords, value: string): boolean {
  const { minLength = 0, maxLength = 1 / 0, pattern, format } = schema;
  return (
    value.length >= (minLength as number) &&
    value.length <= (maxLength as number) &&
    (pattern === undefined || new RegExp(pattern as string, 'u').test(value)) &&
    (format === undefined || value.startsWith('@'))
  );
}

type Within = (schema: unknown, part: unknown) => boolean;

function arrayHolds(schema: Keywords, value: readonly unknown[], within: Within): boolean {
  const { prefixItems = [], items, minItems = 0, maxItems = 1 / 0, uniqueItems } = schema;
  const prefix = prefixItems as unknown[];
  if (value.length < (minItems as number) || value.length > (maxItems as number)) return false;
  const isTwice = (one: unknown, i: number): boolean =>
    value.slice(i + 1).some((other) => isDeepStrictEqual(one, other));
  if (uniqueItems === true && value.some(isTwice)) return false;
  return value.every((each, i) => {
    const own = i < prefix.length ? prefix[i] : items;
    return own === undefined || within(own, each);
  });
}

function objectHolds(schema: Keywords, value: Record<string, unknown>, within: Within): boolean {
  const { required = [], additionalProperties, propertyNames } = schema;
  const { minProperties = 0, maxProperties = 1 / 0 } = schema;
  const names = Object.keys(value);
  if (names.length < (minProperties as number) || names.length > (maxProperties as number))
    return false;
  if ((required as string[]).some((name) => !(name in value))) return false;
  if (propertyNames !== undefined && names.some((name) => !within(propertyNames, name)))
    return false;
  const named = (schema['properties'] ?? {}) as Keywords;
  const patterns = Object.entries((schema['patternProperties'] ?? {}) as Keywords);
  return names.every((name) => {
    const own = [
      ...(name in named ? [named[name]] : []),
      ...patterns
        .filter(([pattern]) => new RegExp(pattern, 'u').test(name))
        .map(([, each]) => each),
    ];
    if (own.length === 0 && additionalProperties !== undefined) own.push(additionalProperties);
    return own.every((each) => within(each, value[name]));
  });
}
