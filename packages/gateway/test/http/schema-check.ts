interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: object;
  readonly oneOf?: readonly object[];
  readonly minimum?: number;
}

/** What is wrong with a value by the part of JSON Schema that the API's description has; empty if it is right. */
export function schemaFaults(root: object, schema: object, value: unknown, at = '$'): string[] {
  const {
    $ref,
    type,
    properties = {},
    required = [],
    additionalProperties = true,
    items,
    oneOf,
    minimum,
    ...others
  } = schema as Schema;
  const unknown = Object.keys(others).filter((word) => !KNOWN.includes(word));
  if (unknown.length > 0) return [`${at}: this test does not know ${unknown}`];
  if ($ref !== undefined) return schemaFaults(root, resolved(root, $ref), value, at);
  if (oneOf !== undefined) {
    const fitting = oneOf.filter((one) => schemaFaults(root, one, value, at).length === 0);
    return fitting.length === 1 ? [] : [`${at}: ${fitting.length} of the schemas fit`];
  }
  if (type !== undefined && !isOf(type, value)) return [`${at}: no ${type}`];
  if (minimum !== undefined && Number(value) < minimum) return [`${at}: below ${minimum}`];
  if (type === 'array') {
    return (value as unknown[]).flatMap((one, i) => schemaFaults(root, items!, one, `${at}[${i}]`));
  }
  if (type !== 'object') return [];
  const members = value as Record<string, unknown>;
  const missing = required.filter((name) => !(name in members));
  const isExtra = (name: string): boolean => !additionalProperties && !(name in properties);
  const extra = Object.keys(members).filter(isExtra);
  return [
    ...missing.map((name) => `${at}: ${name} is missing`),
    ...extra.map((name) => `${at}: ${name} is not described`),
    ...Object.entries(properties)
      .filter(([name]) => name in members)
      .flatMap(([name, one]) => schemaFaults(root, one, members[name], `${at}.${name}`)),
  ];
}

const KNOWN = ['description'];

/** What a reference within a document stands for. */
export function resolved(root: object, reference: string): object {
  const steps = reference.replace('#/', '').split('/');
  return steps.reduce<object>((at, step) => (at as Record<string, object>)[step]!, root);
}

function isOf(type: string, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return typeof value === 'object' && value !== null;
  return typeof value === type;
}
