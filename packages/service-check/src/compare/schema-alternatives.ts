// The left side of a comparison: the kinds of values that several schemas accept together, with the facts of each kind.
import {
  acceptsAll,
  asSchema,
  asSchemas,
  Incomparable,
  isObject,
  type Keywords,
  referenced,
  type SchemaNode,
  sameJson,
} from './schema-node.ts';

export type Kind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

const KINDS: readonly Kind[] = ['null', 'boolean', 'number', 'string', 'array', 'object'];

/** Keywords that are true for a value, and the document of their references. */
export interface Fact {
  readonly schema: Keywords;
  readonly root: SchemaNode['root'];
}

/** Values of one kind. All facts are true for each of them. */
export interface Alternative {
  readonly kind: Kind;
  readonly isInteger: boolean;
  /** The only value, if the alternative has one value. */
  readonly only?: { readonly value: unknown };
  readonly facts: readonly Fact[];
}

const MAX_ALTERNATIVES = 512;
const MAX_REFERENCES = 64;

export function kindOf(value: unknown): Kind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  const kind = typeof value;
  if (kind === 'undefined' || kind === 'bigint' || kind === 'symbol' || kind === 'function') {
    throw new Incomparable(`a value of the kind ${kind}, which JSON does not have`);
  }
  return kind;
}

/** Returns the types that a schema names, or `undefined` if the schema accepts all types. */
export function typesOf({ type }: Keywords): readonly unknown[] | undefined {
  return type === undefined || Array.isArray(type) ? type : [type];
}

/** Returns true if a list of types contains a kind. A whole number has two type names. */
export function hasKind(types: readonly unknown[] | undefined, kind: Kind): boolean {
  return (
    types === undefined || types.includes(kind) || (kind === 'number' && types.includes('integer'))
  );
}

/** Returns the values of `const` and `enum`. */
export function listedValues({
  const: only,
  enum: listed,
  ...others
}: Keywords): unknown[] | undefined {
  void others;
  if (only !== undefined && listed === undefined) return [only];
  if (listed === undefined) return undefined;
  if (!Array.isArray(listed)) throw new Incomparable('enum is not a list');
  return only === undefined ? listed : listed.filter((value) => sameJson(value, only));
}

/**
 * Returns the alternatives for a value that all of these schemas apply to. Together the alternatives contain each accepted value.
 *
 * @throws Incomparable for a schema with too many alternatives, or a schema that only refers to itself
 */
export function alternativesOf(nodes: readonly SchemaNode[]): Alternative[] {
  return conjunctions(nodes, 0).flatMap(byKind);
}

function conjunctions(nodes: readonly SchemaNode[], references: number): Fact[][] {
  let all: Fact[][] = [[]];
  for (const node of nodes) all = product(all, factsOf(node, references));
  return all;
}

function product(ones: readonly Fact[][], others: readonly Fact[][]): Fact[][] {
  if (ones.length * others.length > MAX_ALTERNATIVES) {
    throw new Incomparable(`more than ${MAX_ALTERNATIVES} alternatives`);
  }
  return ones.flatMap((one) => others.map((other) => [...one, ...other]));
}

function factsOf({ schema, root }: SchemaNode, references: number): Fact[][] {
  if (typeof schema === 'boolean') return schema ? [[]] : [];
  if (references > MAX_REFERENCES) throw new Incomparable('a $ref that leads back to itself');
  if (schema['not'] !== undefined && acceptsAll({ schema: asSchema(schema['not'], 'not'), root })) {
    return [];
  }
  let all: Fact[][] = [[{ schema, root }]];
  if (schema['$ref'] !== undefined) {
    all = product(all, factsOf(referenced(schema['$ref'], root), references + 1));
  }
  const nodes = (keyword: string): SchemaNode[] =>
    asSchemas(schema[keyword], keyword).map((each) => ({ schema: each, root }));
  if (schema['allOf'] !== undefined) all = product(all, conjunctions(nodes('allOf'), references));
  for (const keyword of ['anyOf', 'oneOf']) {
    if (schema[keyword] === undefined) continue;
    // This includes `oneOf`, because a value in two branches makes the schema accept less.
    all = product(
      all,
      nodes(keyword).flatMap((each) => factsOf(each, references)),
    );
  }
  return all;
}

function byKind(facts: Fact[]): Alternative[] {
  const kinds = KINDS.filter((kind) => facts.every(({ schema }) => hasKind(typesOf(schema), kind)));
  const lists = facts
    .map(({ schema }) => listedValues(schema))
    .filter((list) => list !== undefined);
  const isWhole = facts.some(({ schema }) => isIntegerSchema(schema));
  if (lists.length > 0) {
    const [first = [], ...others] = lists;
    const values = first.filter((value) => others.every((list) => has(list, value)));
    return values
      .filter((value) => kinds.includes(kindOf(value)))
      .filter((value) => !isWhole || typeof value !== 'number' || Number.isInteger(value))
      .map((value) => single(value, facts));
  }
  return kinds.flatMap((kind) => {
    if (kind === 'null') return [single(null, facts)];
    if (kind === 'boolean') return [single(true, facts), single(false, facts)];
    return [{ kind, isInteger: kind === 'number' && isWhole, facts }];
  });
}

const has = (list: readonly unknown[], value: unknown): boolean =>
  list.some((each) => sameJson(each, value));

/** Returns true if the schema accepts only whole numbers. */
function isIntegerSchema(schema: Keywords): boolean {
  const types = typesOf(schema);
  const { multipleOf } = schema;
  return (
    (types?.includes('integer') === true && !types.includes('number')) ||
    (typeof multipleOf === 'number' && Number.isInteger(multipleOf))
  );
}

function single(value: unknown, facts: readonly Fact[]): Alternative {
  return {
    kind: kindOf(value),
    isInteger: typeof value === 'number' && Number.isInteger(value),
    only: { value },
    facts: [...facts, { schema: schemaOfValue(value), root: true }],
  };
}

/** Returns the meaning of `const` in the keywords of its kind. */
function schemaOfValue(value: unknown): Keywords {
  if (typeof value === 'number') return { minimum: value, maximum: value };
  if (Array.isArray(value)) {
    const { length } = value;
    const prefixItems = value.map((each) => ({ const: each as unknown }));
    return { prefixItems, items: false, minItems: length, maxItems: length };
  }
  if (!isObject(value)) return {};
  const members = Object.entries(value).map(([name, each]) => [name, { const: each }] as const);
  const properties = Object.fromEntries(members);
  return { properties, required: Object.keys(value), additionalProperties: false };
}
