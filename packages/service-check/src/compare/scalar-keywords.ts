// The keywords of numbers and strings: the condition under which a reader's keyword refuses no value of an alternative.
import type { Alternative } from './schema-alternatives.ts';
import { matches, numberOf } from './schema-members.ts';
import { Incomparable } from './schema-node.ts';

/** Returns true if all values of an alternative meet a keyword with this value. */
export type ScalarRule = (alternative: Alternative, value: unknown) => boolean;

interface Bound {
  readonly value: number;
  readonly isExclusive: boolean;
}

export const NUMBER_RULES: Readonly<Record<string, ScalarRule>> = {
  minimum: (given, value) => isWithin(lowerBound(given), numeric(value), 1, false),
  exclusiveMinimum: (given, value) => isWithin(lowerBound(given), numeric(value), 1, true),
  maximum: (given, value) => isWithin(upperBound(given), numeric(value), -1, false),
  exclusiveMaximum: (given, value) => isWithin(upperBound(given), numeric(value), -1, true),
  multipleOf: (given, value) => isMultiple(given, numeric(value)),
};

export const STRING_RULES: Readonly<Record<string, ScalarRule>> = {
  minLength: (given, value) => leastLength(given) >= numeric(value),
  maxLength: (given, value) => largestLength(given) <= numeric(value),
  pattern: (given, value) => hasPattern(given, value),
  format: ({ facts }, value) => facts.some(({ schema }) => schema['format'] === value),
};

export function numeric(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new Incomparable(`${JSON.stringify(value)} where draft 2020-12 has a number`);
}

/** Returns the smallest number that an alternative may have. */
export function lowerBound(given: Alternative): Bound | undefined {
  return bound(given, 'minimum', 'exclusiveMinimum', Math.max, 1);
}

/** Returns the largest number that an alternative may have. */
export function upperBound(given: Alternative): Bound | undefined {
  return bound(given, 'maximum', 'exclusiveMaximum', Math.min, -1);
}

function bound(
  given: Alternative,
  inclusive: string,
  exclusive: string,
  choose: (...numbers: number[]) => number,
  inwards: 1 | -1,
): Bound | undefined {
  const within = numberOf(given, inclusive, choose);
  const beyond = numberOf(given, exclusive, choose);
  if (beyond === undefined) {
    return within === undefined ? undefined : { value: within, isExclusive: false };
  }
  if (within !== undefined && (within - beyond) * inwards > 0) {
    return { value: within, isExclusive: false };
  }
  const next = Math.trunc(beyond) + inwards;
  const isWhole = given.isInteger && Number.isInteger(beyond) && Number.isSafeInteger(next);
  return isWhole ? { value: next, isExclusive: false } : { value: beyond, isExclusive: true };
}

/** Returns true if a bound is at the reader's limit or is stricter. */
function isWithin(
  given: Bound | undefined,
  limit: number,
  inwards: 1 | -1,
  isExclusive: boolean,
): boolean {
  if (given === undefined) return false;
  const distance = (given.value - limit) * inwards;
  return distance > 0 || (distance === 0 && (!isExclusive || given.isExclusive));
}

function isMultiple({ only, facts, isInteger }: Alternative, step: number): boolean {
  if (only !== undefined && Number.isInteger(step)) return Number(only.value) % step === 0;
  if (isInteger && step === 1) return true;
  return facts.some(({ schema: { multipleOf: own } }) => {
    if (typeof own !== 'number') return false;
    return own === step || (Number.isInteger(own) && Number.isInteger(step) && own % step === 0);
  });
}

// Draft 2020-12 counts code points, but libraries count units of UTF-16. A text must be within the limit for both.
function leastLength(given: Alternative): number {
  const { only } = given;
  return only === undefined
    ? (numberOf(given, 'minLength', Math.max) ?? 0)
    : [...String(only.value)].length;
}

function largestLength(given: Alternative): number {
  const { only } = given;
  return only === undefined
    ? (numberOf(given, 'maxLength', Math.min) ?? Number.POSITIVE_INFINITY)
    : String(only.value).length;
}

function hasPattern({ only, facts }: Alternative, pattern: unknown): boolean {
  if (only !== undefined) return matches(String(pattern), String(only.value));
  return facts.some(({ schema }) => schema['pattern'] === pattern);
}
