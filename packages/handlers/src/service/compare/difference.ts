// One way in which a writer's values are not those that a reader takes.
import type { Alternative } from './schema-alternatives.ts';
import { Incomparable, isObject, type SchemaNode } from './schema-node.ts';

/** What may be given at a place, and what is taken there. */
export interface Difference {
  /** As `.address.city` or `.lines[]`, from the whole value. */
  readonly path: string;
  readonly given: string;
  readonly taken: string;
  /** False if the two could not be compared: they may agree anyway. */
  readonly isCertain: boolean;
}

/** `.name`, or `["a name"]` for one that is not a word. */
export function memberPath(path: string, name: string): string {
  return /^[\w$-]+$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;
}

/** A value of JSON in a sentence, cut if it is long. */
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

/** An alternative in words. */
export function inWords({ kind, isInteger, only }: Alternative): string {
  if (only !== undefined) return quoted(only.value);
  return isInteger ? 'an integer' : KIND_WORDS[kind];
}

/** The types or values of a schema in words. */
export function takenInWords({ schema }: SchemaNode): string {
  if (!isObject(schema)) return schema === true ? 'anything' : 'nothing';
  const { type, const: only, enum: listed } = schema;
  if (only !== undefined) return quoted(only);
  if (Array.isArray(listed)) return `one of ${quoted(listed)}`;
  if (type !== undefined) return [type].flat().join(' or ');
  return 'less than that';
}

/** An error of a comparison as a difference: what is not certain counts as one. */
export function uncertain(path: string, error: unknown): Difference {
  if (!(error instanceof Incomparable)) throw error;
  return { path, given: '', taken: error.message, isCertain: false };
}
