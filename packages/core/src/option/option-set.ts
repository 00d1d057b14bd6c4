import { OptionError } from '../errors.ts';
import { nearestTo } from '../text/nearest-name.ts';
import { type Absence, type AbsentOf, custom, type OptionKind, type Same } from './option-kind.ts';

/** The options of a set by their names. */
export type OptionKinds = Readonly<Record<string, OptionKind<never, unknown>>>;

/** The values that may be given for an option of this kind. */
export type GivenOf<Kind> = Kind extends OptionKind<infer Given, unknown> ? Given : never;

/** The options of a set after the check: those with a default have a value. */
export type Resolved<Options, Kinds extends OptionKinds> = {
  readonly [Name in keyof Kinds]: Kinds[Name] extends OptionKind<never, infer Value, infer Absent>
    ?
        | (Value extends Same
            ? Name extends keyof Options
              ? Exclude<Options[Name], undefined>
              : never
            : Value)
        | Absent
    : never;
};

/** A set of options as others refer to it: by the names of its options. */
export interface KnownNames {
  /** Its keys are the names. */
  readonly known: object;
}
/** The names of the options of a description. */
export type NamesOf<Set> = Set extends { readonly known: infer Known }
  ? keyof Known & string
  : never;

/** The interface and the description of a set have the same names, and every value of the interface is described. */
export type Described<Options, Kinds extends OptionKinds, Also extends string> = {
  readonly [Name in keyof Options]?: Name extends keyof Kinds
    ? GivenOf<Kinds[Name]> | undefined
    : Name extends Also
      ? unknown
      : never;
} & { readonly [Name in Exclude<keyof Kinds, keyof Options>]: never };

/**
 * A set of options, described once: names, defaults and checks. {@link describeOptions} makes it; the types and the
 * words of its options are in an interface, which the compiler compares with it.
 *
 * @typeParam Also - names that the set takes, and another one resolves
 */
export class OptionSet<Kinds extends OptionKinds, Also extends string = never> {
  /** The class or method that takes the options, for the text of errors. */
  readonly owner: string;
  readonly kinds: Kinds;
  /** All names that are allowed. */
  readonly known: Readonly<Record<(keyof Kinds & string) | Also, unknown>>;
  private readonly names: readonly string[];
  /** The names as errors show them. */
  private readonly labels: readonly string[];
  private readonly list: readonly OptionKind<unknown, unknown>[];
  /** The last result, when all given values were numbers, texts or booleans: handlers of one kind get the same. */
  private last: unknown = undefined;
  private lastNames: readonly unknown[] = NEVER;
  private lastValues: readonly unknown[] = [];
  private lastPart: readonly unknown[] = [];

  constructor(owner: string, kinds: Kinds, also: readonly KnownNames[], prefix = '') {
    this.owner = owner;
    this.kinds = kinds;
    this.known = Object.assign({}, kinds, ...also.map((set) => set.known));
    this.names = Object.keys(kinds);
    this.labels = this.names.map((name) => prefix + name);
    this.list = Object.values(kinds) as unknown as OptionKind<unknown, unknown>[];
  }

  /**
   * Checks what was given, and adds the defaults. Throws an `OptionError` for a name that is not an option, with the
   * nearest one, for a value that is not allowed, and for an option that is missing.
   */
  resolve<Options extends object>(
    given: Options & Described<Options, Kinds, Also>,
    owner: string = this.owner,
  ): Resolved<Options, Kinds> {
    if (this.isLast(given)) return this.last as Resolved<Options, Kinds>;
    this.checkNames(given, owner);
    const resolved = this.part(given as Options);
    if (resolved === this.last && isLiteral(given) && Object.values(given).every(isPlainValue)) {
      this.lastNames = Object.keys(given);
      this.lastValues = Object.values(given);
    }
    return resolved;
  }

  /** A handler is made for each connection, nearly always with the options of the one before. */
  private isLast(given: object): boolean {
    if (this.last === undefined || !isLiteral(given)) return false;
    const { lastNames, lastValues } = this;
    let i = 0;
    for (const name in given) {
      if (name !== lastNames[i] || (given as Record<string, unknown>)[name] !== lastValues[i])
        return false;
      i += 1;
    }
    return i === lastNames.length;
  }

  /** Throws an `OptionError` for a value that is not an object of options, and for a name that is not an option. */
  checkNames(given: object, owner: string = this.owner): void {
    checkNames(owner, given, this.known);
  }

  /** As {@link resolve}, from an object that may have other names, too. */
  part<Options extends object>(given: Options): Resolved<Options, Kinds> {
    if (this.isLastPart(given)) return this.last as Resolved<Options, Kinds>;
    checkGiven(this.owner, given, this.kinds);
    const { names, labels, list } = this;
    const values: Record<string, unknown> = {};
    let isPlain = true;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const kind = list[i]!;
      const value = (given as Record<string, unknown>)[name];
      const isAbsent = value === undefined && !kind.isRequired;
      values[name] = isAbsent ? kind.absent : kind.check(labels[i]!, value, given);
      isPlain &&= isAbsent || kind.isPlain;
    }
    if (isPlain) {
      this.last = values;
      this.lastPart = names.map((name) => (given as Record<string, unknown>)[name]);
      this.lastNames = NEVER;
    }
    return values as Resolved<Options, Kinds>;
  }

  private isLastPart(given: object): boolean {
    const { names, lastPart } = this;
    if (this.last === undefined || typeof given !== 'object' || given === null) return false;
    if (Array.isArray(given)) return false;
    for (let i = 0; i < names.length; i++)
      if ((given as Record<string, unknown>)[names[i]!] !== lastPart[i]) return false;
    return true;
  }

  /** The options of this set among others, as they were given. */
  only<Options extends object>(given: Options): Pick<Options, keyof Options & keyof Kinds> {
    const found: Partial<Options> = {};
    for (const name of this.names as readonly (keyof Options)[])
      if (given[name] !== undefined) found[name] = given[name];
    return found as Pick<Options, keyof Options & keyof Kinds>;
  }
}

/**
 * Describes a set of options: the only place of their names, defaults and checks.
 *
 * @param owner - what takes the options, for the text of errors: the name of a class or method
 * @param also - sets whose names are allowed, too; each of them resolves its own
 * @example
 * ```ts
 * const OPTIONS = describeOptions('LineReader', {
 *   maxLength: whole({ min: 1, default: 8192 }),
 *   idleMs: time({ default: false }),
 *   onLine: fn({ answers: 'nothing', required: true, purpose: 'takes a line' }),
 * });
 * const { maxLength, idleMs, onLine } = OPTIONS.resolve(options);
 * ```
 */
export function describeOptions<Kinds extends OptionKinds, Also extends readonly KnownNames[]>(
  owner: string,
  kinds: Kinds,
  ...also: Also
): OptionSet<Kinds, NamesOf<Also[number]>> {
  return new OptionSet(owner, kinds, also);
}

/** As {@link describeOptions}, for the options of an option: errors name them with it, `tls.alpn`. */
export function describePart<Kinds extends OptionKinds, Also extends readonly KnownNames[]>(
  owner: string,
  kinds: Kinds,
  ...also: Also
): OptionSet<Kinds, NamesOf<Also[number]>> {
  return new OptionSet(owner, kinds, also, `${owner}.`);
}

/** An option whose value is a set of its own. */
export function nested<Kinds extends OptionKinds, A extends Absence<object>>(
  set: OptionSet<Kinds, string>,
  options: A = {} as A,
): OptionKind<object, Same, AbsentOf<A>> {
  const check = (name: string, given: object) =>
    set.resolve(given as never, name) as unknown as Same;
  return custom(`an object with ${listOf(set.known)}`, check, options);
}

/** Nothing that would be kept alive. */
function isPlainValue(value: unknown): boolean {
  return typeof value !== 'object' && typeof value !== 'function';
}

/** No names that options have. */
const NEVER: readonly unknown[] = [undefined];

/** Its own members are everything that it has. */
function isLiteral(given: object): boolean {
  return typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === LITERAL;
}

const LITERAL = Object.prototype;

/** @param known - its keys are the names that are allowed */
export function checkNames(owner: string, given: object, known: object): void {
  checkGiven(owner, given, known);
  for (const name in given)
    if (!Object.hasOwn(known, name)) throw unknownOption(owner, name, given, known);
}

function checkGiven(owner: string, given: object, known: object): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new OptionError(
      'OPTION_INVALID',
      `${owner} takes an object with ${listOf(known)}, but got ${typeName(given)}`,
      { option: owner },
    );
  }
}

function unknownOption(owner: string, name: string, given: object, known: object): OptionError {
  const nearest = nearestTo(name, Object.keys(known));
  const cure = nearest === undefined ? `it has ${listOf(known)}` : `did you mean ${nearest}?`;
  const value = shown((given as Record<string, unknown>)[name]);
  const text = `${owner} has no option ${name} (${value}); ${cure}`;
  return new OptionError('OPTION_INVALID', text, { option: name });
}

function typeName(value: unknown): string {
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
