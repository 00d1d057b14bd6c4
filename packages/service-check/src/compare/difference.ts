// A value of a writer that a reader does not accept.
import type { Alternative } from './schema-alternatives.ts';
import { Incomparable, isObject, type SchemaNode } from './schema-node.ts';

/** The values that may be sent at a place, and the values that are accepted there. */
export interface Difference {
  /** Path from the whole value, for example `.address.city` or `.lines[]`. */
  readonly path: string;
  readonly given: string;
  readonly taken: string;
  /** Whether the values differ for certain. False if they could not be compared, so that they may agree. */
  readonly isCertain: boolean;
}

/** Returns `.name`, or `["a name"]` for a name that is not a word. */
export function memberPath(path: string, name: string): string {
  return /^[\w$-]+$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

/** Returns a JSON value as text, shortened if it is long. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const KIND_WORDS = {
  null: 'null',
  boolean: 'a boolean',
  number: 'a number',
  string: 'a string',
  array: 'an array',
  object: 'an object',
} as const;

export function inWords({ kind, isInteger, only }: Alternative): string {
  if (only !== undefined) return quoted(only.value);
  return isInteger ? 'an integer' : KIND_WORDS[kind];
}

/** Returns the types or values of a schema as text. */
export function takenInWords({ schema }: SchemaNode): string {
  if (!isObject(schema)) return schema === true ? 'anything' : 'nothing';
  const { type, const: only, enum: listed } = schema;
  if (only !== undefined) return quoted(only);
  if (Array.isArray(listed)) return `one of ${quoted(listed)}`;
  if (type !== undefined) return [type].flat().join(' or ');
  return 'less than that';
}

/** Turns an error of a comparison into a difference. An uncertain result counts as a difference. */
export function uncertain(path: string, error: unknown): Difference {
  if (!(error instanceof Incomparable)) throw error;
  return { path, given: '', taken: error.message, isCertain: false };
}
