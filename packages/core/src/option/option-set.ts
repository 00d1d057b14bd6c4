import { OptionError } from '../errors.ts';
import { nearestTo } from '../text/nearest-name.ts';
import { optionErrorAt } from './option-check.ts';
import { type Absence, type AbsentOf, custom, type OptionKind, type Same } from './option-kind.ts';

/** The options of a set, by name. */
export type OptionKinds = Readonly<Record<string, OptionKind<never, unknown>>>;

/** The values that can be given for an option of this kind. */
export type GivenOf<Kind> = Kind extends OptionKind<infer Given, unknown> ? Given : never;

/** The options of a set after the check. An option with a default always has a value. */
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

/** A set of options, as other sets refer to it by the names of its options. */
export interface KnownNames {
  /** An object whose keys are the names of the options. */
  readonly known: object;
  /** What to do in place of an option that is refused, by its name. @default nothing */
  readonly refused?: Readonly<Record<string, string>>;
}
/** The names of the options in a description. */
export type NamesOf<Set> = Set extends { readonly known: infer Known }
  ? keyof Known & string
  : never;

/**
 * A type that compares an interface with a description. Interface and description must have the same names, and the
 * description must allow every value of the interface.
 */
export type Described<Options, Kinds extends OptionKinds, Also extends string> = {
  readonly [Name in keyof Options]?: Name extends keyof Kinds
    ? GivenOf<Kinds[Name]> | undefined
    : Name extends Also
      ? unknown
      : never;
} & { readonly [Name in Exclude<keyof Kinds, keyof Options>]: never };

/**
 * A description of a set of options: names, defaults and checks. {@link describeOptions} creates it. An interface contains
 * the types and the doc comments of the options, and the compiler compares it with the description.
 *
 * @typeParam Also - names that are allowed too, and that another set resolves
 */
export class OptionSet<Kinds extends OptionKinds, Also extends string = never> {
  /** Name of the class or method that accepts the options, for the text of errors. */
  readonly owner: string;
  readonly kinds: Kinds;
  /** An object whose keys are all names that are allowed. */
  readonly known: Readonly<Record<(keyof Kinds & string) | Also, unknown>>;
  /** What to do in place of an option that has no meaning here, by its name. */
  readonly refused: Readonly<Record<string, string>>;
  private readonly names: readonly string[];
  /** The names as errors show them. */
  private readonly labels: readonly string[];
  private readonly list: readonly OptionKind<unknown, unknown>[];
  /** The last result, if all given values were numbers, texts or booleans. The same options get the same result. */
  private last: unknown = undefined;
  private lastNames: readonly unknown[] = NEVER;
  private lastValues: readonly unknown[] = [];
  private lastPart: readonly unknown[] = [];
  private lastCopy: object | undefined = undefined;

  constructor(
    owner: string,
    kinds: Kinds,
    also: readonly KnownNames[],
    prefix = '',
    refused: Readonly<Record<string, string>> = {},
  ) {
    this.owner = owner;
    this.kinds = kinds;
    this.refused = Object.assign({}, ...also.map((set) => set.refused), refused);
    this.known = Object.assign({}, kinds, ...also.map((set) => set.known));
    this.names = Object.keys(kinds);
    this.labels = this.names.map((name) => prefix + name);
    this.list = Object.values(kinds) as unknown as OptionKind<unknown, unknown>[];
  }

  /**
   * Checks the given options, and adds the defaults. Throws an `OptionError` for an unknown name, for a value that is not
   * allowed, and for a missing option. The error for an unknown name shows the nearest name.
   */
  resolve<Options extends object>(
    given: Options & Described<Options, Kinds, Also>,
    owner: string = this.owner,
  ): Resolved<Options, Kinds> {
    if (this.isLast(given)) return this.last as Resolved<Options, Kinds>;
    this.checkNames(given, owner);
    const resolved = this.part(given as Options, owner);
    if (resolved === this.last && isLiteral(given) && Object.values(given).every(isPlainValue)) {
      this.lastNames = Object.keys(given);
      this.lastValues = Object.values(given);
      this.lastCopy = undefined;
    }
    return resolved;
  }

  /**
   * Returns true if the options are those of the last call. A handler is created for each connection, nearly always with the
   * same options.
   */
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

  /**
   * Returns a frozen copy of options that {@link resolve} has checked, for a handler that makes another one with the same options.
   * The options of the last call get the same copy again. Options with inherited members, such as those of a class, are not copied.
   */
  copyOf<Options extends object>(given: Options): Options {
    if (!isLiteral(given) || Object.isFrozen(given)) return given;
    if (!this.isLast(given)) return Object.freeze({ ...given });
    this.lastCopy ??= Object.freeze({ ...given });
    return this.lastCopy as Options;
  }

  /** Throws an `OptionError` if the value is not an object of options, or if it contains an unknown name. */
  checkNames(given: object, owner: string = this.owner): void {
    checkNames(owner, given, this.known, this.refused);
  }

  /**
   * Returns this set without some options, for a place where they have no meaning. The error for such an option ends with the text
   * that is given for its name, for example `put noDelay into childOptions`.
   */
  without<Name extends string>(
    refused: Readonly<Record<Name, string>>,
  ): OptionSet<Omit<Kinds, Name>, Exclude<Also, Name>> {
    const kept = ([name]: [string, unknown]) => !Object.hasOwn(refused, name);
    const kinds = Object.fromEntries(Object.entries(this.kinds).filter(kept)) as Omit<Kinds, Name>;
    const known = Object.fromEntries(Object.entries(this.known).filter(kept));
    return new OptionSet(this.owner, kinds, [{ known, refused: this.refused }], '', refused);
  }

  /** Resolves the options of this set in an object that can contain other names too. */
  part<Options extends object>(
    given: Options,
    owner: string = this.owner,
  ): Resolved<Options, Kinds> {
    if (this.isLastPart(given)) return this.last as Resolved<Options, Kinds>;
    checkGiven(owner, given, this.kinds);
    const { names, labels, list } = this;
    const values: Record<string, unknown> = {};
    let isPlain = true;
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      const kind = list[i]!;
      const value = (given as Record<string, unknown>)[name];
      const isAbsent = value === undefined && !kind.isRequired;
      if (isAbsent) values[name] = kind.absent;
      else if (value !== undefined) values[name] = kind.check(labels[i]!, value, given);
      else values[name] = missing(kind, labels[i]!, given, owner);
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

  /** Returns the given options of this set from an object that can contain other names. */
  only<Options extends object>(given: Options): Pick<Options, keyof Options & keyof Kinds> {
    const found: Partial<Options> = {};
    for (const name of this.names as readonly (keyof Options)[])
      if (given[name] !== undefined) found[name] = given[name];
    return found as Pick<Options, keyof Options & keyof Kinds>;
  }
}

/**
 * Describes a set of options: their names, defaults and checks.
 *
 * @param owner - name of the class or method that accepts the options, for the text of errors
 * @param also - sets whose names are allowed too, and which resolve their own options
 * @example
 * ```ts
 * const OPTIONS = describeOptions('LineReader', {
 *   maxLength: whole({ min: 1, default: 8192 }),
 *   idleMs: time({ default: false }),
 *   onLine: fn({ answers: 'void', required: true, purpose: 'takes a line' }),
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

/**
 * Describes the options of an option, as {@link describeOptions} does. Errors name the option and its part, as in `tls.alpn`.
 */
export function describePart<Kinds extends OptionKinds, Also extends readonly KnownNames[]>(
  owner: string,
  kinds: Kinds,
  ...also: Also
): OptionSet<Kinds, NamesOf<Also[number]>> {
  return new OptionSet(owner, kinds, also, `${owner}.`);
}

/** Describes an option whose value is a set of options. */
export function nested<Kinds extends OptionKinds, A extends Absence<object>>(
  set: OptionSet<Kinds, string>,
  options: A = {} as A,
): OptionKind<object, Same, AbsentOf<A>> {
  const check = (name: string, given: object) =>
    set.resolve(given as never, name) as unknown as Same;
  return custom(`an object with ${listOf(set.known)}`, check, options);
}

/** Returns true if the value is a primitive, which can be kept without keeping an object alive. */
function isPlainValue(value: unknown): boolean {
  return typeof value !== 'object' && typeof value !== 'function';
}

/** A list of names that no options have. */
const NEVER: readonly unknown[] = [undefined];

/** Returns true if the object has only its own members. */
function isLiteral(given: object): boolean {
  return typeof given === 'object' && given !== null && Object.getPrototypeOf(given) === LITERAL;
}

const LITERAL = Object.prototype;

/**
 * Throws an `OptionError` for an unknown name.
 *
 * @param known - object whose keys are the allowed names
 * @param refused - what to do in place of an option that has no meaning here. @default nothing
 */
export function checkNames(
  owner: string,
  given: object,
  known: object,
  refused: Readonly<Record<string, string>> = {},
): void {
  checkGiven(owner, given, known);
  for (const name in given)
    if (!Object.hasOwn(known, name)) throw unknownOption(owner, name, given, known, refused);
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

/**
 * Checks an option that is required and not given. The error names the class, because the program has no such option to look
 * for.
 */
function missing(
  kind: OptionKind<unknown, unknown>,
  label: string,
  given: object,
  owner: string,
): unknown {
  try {
    return kind.check(label, undefined, given);
  } catch (thrown) {
    throw label.startsWith(owner) ? thrown : optionErrorAt(owner, thrown);
  }
}

function unknownOption(
  owner: string,
  name: string,
  given: object,
  known: object,
  refused: Readonly<Record<string, string>>,
): OptionError {
  const nearest = nearestTo(name, Object.keys(known));
  const other = nearest === undefined ? `it has ${listOf(known)}` : `did you mean ${nearest}?`;
  const cure = Object.hasOwn(refused, name) ? refused[name] : other;
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
