import { OptionError } from '../errors.ts';

/** Every option of an options object: the compiler refuses a table that lacks one or has one too many. */
export type KnownOptions<T> = { readonly [K in keyof Required<T>]: true };

/**
 * Refuses what is no options object, and names that are no options: a misspelt one would be ignored in silence.
 *
 * @param owner - what takes the options, for the error's text: the name of the class or method
 */
export function checkOptions<T extends object>(
  owner: string,
  options: T,
  known: KnownOptions<T>,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw notOptions(owner, options, known);
  }
  for (const name in options)
    if (!Object.hasOwn(known, name)) throw unknownOption(owner, name, options, known);
}

function notOptions(owner: string, value: unknown, known: object): OptionError {
  return new OptionError(
    'OPTION_INVALID',
    `${owner} takes an object with ${listOf(known)}, but got ${kindOf(value)}`,
    { option: owner },
  );
}

function unknownOption(owner: string, name: string, options: object, known: object): OptionError {
  const nearest = nearestTo(name, Object.keys(known));
  const cure = nearest === undefined ? `it has ${listOf(known)}` : `did you mean ${nearest}?`;
  return new OptionError(
    'OPTION_INVALID',
    `${owner} has no option ${name} (${shown((options as Record<string, unknown>)[name])}); ${cure}`,
    { option: name },
  );
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return `function ${value.name}`.trimEnd();
  return `${typeof value} ${shown(value)}`;
}

function listOf(known: object): string {
  return Object.keys(known).join(', ') || 'no options';
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** The name that differs least, if it is near enough to be what was meant; units are left out: `Seconds` for `Ms`. */
export function nearestTo(name: string, names: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 3));
  let nearest: string | undefined;
  let least = limit + 1;
  for (const one of names) {
    const distance = distanceOf(withoutUnit(name), withoutUnit(one));
    if (distance < least) {
      least = distance;
      nearest = one;
    }
  }
  return nearest;
}

function withoutUnit(name: string): string {
  return name
    .replace(/(Ms|Millis|Milliseconds|Secs?|Seconds|Timeout|Time|Bytes|Size)$/, '')
    .toLowerCase();
}

/** Levenshtein's distance: insertions, deletions and replacements of one letter. */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = row[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[other.length]!;
}
