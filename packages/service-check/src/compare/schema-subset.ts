// Checks whether another schema accepts every value that a schema accepts, and finds the places where it does not.
//
// The check is conservative. No difference is a proof. A reported difference may not exist, because only a search over values
// could exclude it. The left side becomes alternatives, each with the facts that are true for its values. No keyword of the right
// side may refuse a value of an alternative. References may form cycles. A pair of schemas that is already being compared counts
// as proven, because the members of a value end at some depth.
import {
  ARRAY_RULES,
  type ContainerRule,
  OBJECT_RULES,
  type Proof,
  typeDifferences,
} from './container-keywords.ts';
import { type Difference, inWords, quoted, takenInWords, uncertain } from './difference.ts';
import { NUMBER_RULES, STRING_RULES } from './scalar-keywords.ts';
import {
  type Alternative,
  alternativesOf,
  type Fact,
  listedValues,
} from './schema-alternatives.ts';
import { isDisjoint } from './schema-disjoint.ts';
import {
  asSchema,
  asSchemas,
  Incomparable,
  keywordsOf,
  own,
  referenced,
  type SchemaNode,
  sameJson,
  sameKeyword,
  sameMeaning,
} from './schema-node.ts';

/**
 * Keywords that are not analyzed, each with its related keywords. The keyword and its related keywords must be equal on both
 * sides.
 */
const OPAQUE: Readonly<Record<string, readonly string[]>> = {
  if: ['if', 'then', 'else'],
  // Without `if`, these keywords have no effect. With `if`, they are compared there.
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: [],
  else: [],
  contains: ['contains', 'minContains', 'maxContains'],
  minContains: [],
  maxContains: [],
  dependentRequired: ['dependentRequired'],
  dependentSchemas: ['dependentSchemas'],
};

/** Keywords that combine schemas. */
const COMBINING = ['$ref', 'allOf', 'anyOf', 'oneOf', 'not'] as const;

const KNOWN = new Set([
  ...Object.keys(OPAQUE),
  ...COMBINING,
  ...Object.keys(OBJECT_RULES),
  ...Object.keys(ARRAY_RULES),
  ...Object.keys(NUMBER_RULES),
  ...Object.keys(STRING_RULES),
  'type',
  'const',
  'enum',
]);

const MAX_STEPS = 50_000;
const MAX_DEPTH = 100;

/**
 * Returns the places where a reader's schema refuses a value that a writer's schema accepts. An empty list proves that no such
 * place exists. A writer sends no members that its schema does not name, unless the schema describes them.
 */
export function differencesOf(given: SchemaNode, taken: SchemaNode): Difference[] {
  return unique(new SubsetProof(true).differences([given], taken, ''));
}

/** Removes repeated differences, for example of two alternatives. */
function unique(differences: readonly Difference[]): Difference[] {
  const byText = new Map(differences.map((each) => [JSON.stringify(each), each]));
  return [...byText.values()];
}

export class SubsetProof implements Proof {
  readonly isWriter: boolean;
  private readonly pending = new Set<string>();
  private readonly ids = new Map<unknown, number>();
  private steps = 0;
  private depth = 0;

  constructor(isWriter: boolean) {
    this.isWriter = isWriter;
  }

  differences(given: readonly SchemaNode[], taken: SchemaNode, path: string): Difference[] {
    const pair = `${given.map((node) => this.idOf(node)).join()} ${this.idOf(taken)}`;
    if (this.pending.has(pair)) return [];
    this.pending.add(pair);
    try {
      if (given.some((node) => sameMeaning(node, taken))) return [];
      return alternativesOf(given).flatMap((each) => this.fits(each, taken, path));
    } catch (error) {
      return [uncertain(path, error)];
    } finally {
      this.pending.delete(pair);
    }
  }

  /** Returns an id for a schema and its document. Equal schemas can differ, because references depend on the document. */
  private idOf({ schema, root }: SchemaNode): string {
    return `${this.numberOf(schema)}/${this.numberOf(root)}`;
  }

  private numberOf(value: unknown): number | boolean {
    if (typeof value === 'boolean') return value;
    if (!this.ids.has(value)) this.ids.set(value, this.ids.size);
    return this.ids.get(value)!;
  }

  /** Returns the differences between an alternative and a reader's schema. */
  private fits(given: Alternative, taken: SchemaNode, path: string): Difference[] {
    const { schema, root } = taken;
    if (schema === true) return [];
    if (schema === false) return [different(path, inWords(given), 'nothing')];
    if (++this.steps > MAX_STEPS || this.depth >= MAX_DEPTH) {
      return [uncertain(path, new Incomparable('the schemas are too large, or lead in circles'))];
    }
    this.depth++;
    try {
      const fact = { schema, root };
      return [
        ...keywordsOf(taken).flatMap(([keyword]) => this.keyword(keyword, given, fact, path)),
        ...this.lostKeywords(given, taken, path),
      ];
    } finally {
      this.depth--;
    }
  }

  private keyword(keyword: string, given: Alternative, taken: Fact, path: string): Difference[] {
    const value = taken.schema[keyword];
    try {
      if (isIn(COMBINING, keyword)) return this.combined(keyword, given, taken, path);
      if (keyword === 'type') return typeDifferences(given, taken, path);
      if (keyword === 'const' || keyword === 'enum') return listDifferences(given, taken, path);
      const container = own(given.kind === 'object' ? OBJECT_RULES : ARRAY_RULES, keyword);
      if (given.kind === 'object' || given.kind === 'array') {
        if (container !== undefined) return (container as ContainerRule)(this, given, taken, path);
      }
      const scalar = own(given.kind === 'number' ? NUMBER_RULES : STRING_RULES, keyword);
      if ((given.kind === 'number' || given.kind === 'string') && scalar !== undefined) {
        if (scalar(given, value)) return [];
        return [different(path, inWords(given), `only ${keyword} ${quoted(value)}`)];
      }
      return KNOWN.has(keyword) && own(OPAQUE, keyword) === undefined
        ? []
        : opaqueDifferences(keyword, given, taken, path);
    } catch (error) {
      return [uncertain(path, error)];
    }
  }

  private combined(
    keyword: (typeof COMBINING)[number],
    given: Alternative,
    { schema, root }: Fact,
    path: string,
  ): Difference[] {
    const value = schema[keyword];
    if (keyword === '$ref') return this.fits(given, referenced(value, root), path);
    if (keyword === 'not')
      return this.negated(given, { schema: asSchema(value, 'not'), root }, path);
    const branches = asSchemas(value, keyword).map((each) => ({ schema: each, root }));
    if (keyword === 'allOf') return branches.flatMap((each) => this.fits(given, each, path));
    return this.oneBranch(given, branches, keyword === 'oneOf', path);
  }

  /** Requires that one branch accepts all values. With `oneOf`, no other branch may accept any value. */
  private oneBranch(
    given: Alternative,
    branches: readonly SchemaNode[],
    isExclusive: boolean,
    path: string,
  ): Difference[] {
    const possible = branches.filter((each) => !isDisjoint(given, each, this.isWriter));
    const results = possible.map((each) => this.fits(given, each, path));
    if (possible.length === 1) return results[0]!;
    if (results.some((result) => result.length === 0)) {
      if (!isExclusive) return [];
      return [uncertain(path, new Incomparable('several branches of oneOf may accept the same'))];
    }
    return [different(path, inWords(given), branches.map(takenInWords).join(', or '))];
  }

  private negated(given: Alternative, refused: SchemaNode, path: string): Difference[] {
    if (isDisjoint(given, refused, this.isWriter)) return [];
    const isRefusedToo = given.facts.some(({ schema, root }) => {
      if (schema['not'] === undefined) return false;
      // Includes values that no writer sends, because the refused values are not sent.
      const known = { schema: asSchema(schema['not'], 'not'), root };
      return new SubsetProof(false).differences([refused], known, path).length === 0;
    });
    if (isRefusedToo) return [];
    return [different(path, inWords(given), `nothing like ${quoted(refused.schema)}`)];
  }

  /** Reports an unknown keyword that the reader no longer has, because its meaning is unknown. */
  private lostKeywords({ facts }: Alternative, taken: SchemaNode, path: string): Difference[] {
    const there = keywordsOf(taken).map(([keyword]) => keyword);
    if (there.length === 0 || there.some((keyword) => isIn(COMBINING, keyword))) return [];
    const unknown = facts.flatMap((fact) => keywordsOf(fact).map(([keyword]) => keyword));
    return unknown
      .filter((keyword) => !KNOWN.has(keyword) && !INERT.has(keyword) && !there.includes(keyword))
      .map((keyword) =>
        uncertain(path, new Incomparable(`the keyword ${keyword} is on one side only`)),
      );
  }
}

/** Keywords that only make a schema accept less. A writer may use these keywords. */
const INERT = new Set([
  'unevaluatedProperties',
  'unevaluatedItems',
  '$dynamicRef',
  '$anchor',
  '$id',
]);

const different = (path: string, given: string, taken: string): Difference => ({
  path,
  given,
  taken,
  isCertain: true,
});

function isIn<const T extends readonly string[]>(list: T, text: string): text is T[number] {
  return list.includes(text);
}

function listDifferences(given: Alternative, { schema }: Fact, path: string): Difference[] {
  const values = listedValues(schema) ?? [];
  const { only } = given;
  if (only !== undefined && values.some((value) => sameJson(value, only.value))) return [];
  return [different(path, inWords(given), `only ${values.map(quoted).join(' or ')}`)];
}

function opaqueDifferences(
  keyword: string,
  { facts }: Alternative,
  taken: Fact,
  path: string,
): Difference[] {
  if (keyword === 'unevaluatedProperties' || keyword === 'unevaluatedItems') {
    if (facts.some((fact) => sameMeaning(fact, taken))) return [];
  } else {
    const together = own(OPAQUE, keyword) ?? [keyword];
    const isSame = ({ schema, root }: Fact): boolean =>
      together.every((each) =>
        sameKeyword(each, schema[each], root, taken.schema[each], taken.root),
      );
    if (facts.some(isSame)) return [];
  }
  return [uncertain(path, new Incomparable(`the keyword ${keyword} cannot be compared`))];
}
