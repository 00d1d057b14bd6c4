// The options of a handler: words and types from the interface that its constructor takes, defaults and what is
// allowed from their description.

import { cardAbove } from '../check-cards.ts';
import { lineOf, type SourceFile, type SyntaxNode } from '../source-file.ts';
import type { DescribedOption, DescribedSet } from './option-sets.ts';

export interface Option {
  readonly name: string;
  readonly type: string;
  readonly isRequired: boolean;
  /** What the interface's documentation has as the default. */
  readonly standard: string | undefined;
  readonly words: string;
  readonly file: string;
  readonly line: number;
  /** Its description, if its interface has one in the same file. */
  readonly described: DescribedOption | undefined;
}

interface Declared {
  readonly source: SourceFile;
  readonly node: SyntaxNode;
}

type Named = {
  readonly name?: string;
  readonly key?: { readonly name?: string; readonly value?: string };
};

/** Options that a set describes. */
export interface TakenOptions {
  /** The interface that has them. */
  readonly name: string;
  readonly options: readonly Option[];
}

/** All interfaces and option types of some files by their names. */
export class OptionTypes {
  private readonly declared = new Map<string, Declared>();
  private readonly setsOf = new Map<string, DescribedSet[]>();

  constructor(sources: Iterable<SourceFile>, sets: readonly DescribedSet[] = []) {
    for (const set of sets) {
      const { file } = set;
      this.setsOf.set(file, [...(this.setsOf.get(file) ?? []), set]);
    }
    for (const source of sources) {
      for (const outer of source.body) {
        const node = (outer['declaration'] as SyntaxNode | null | undefined) ?? outer;
        if (node.type !== 'TSInterfaceDeclaration' && node.type !== 'TSTypeAliasDeclaration')
          continue;
        const { name = '' } = node['id'] as Named;
        if (!this.declared.has(name)) this.declared.set(name, { source, node });
      }
    }
  }

  /** The options of an interface, those that it extends last. */
  of(name: string): Option[] {
    const found = this.declared.get(name);
    if (found === undefined) return [];
    const { source, node } = found;
    if (node.type === 'TSTypeAliasDeclaration') {
      return this.ofType(source, node['typeAnnotation'] as SyntaxNode);
    }
    const own = this.ownOf(name);
    const parents = (node['extends'] as SyntaxNode[] | undefined) ?? [];
    const inherited = parents.flatMap((parent) => this.of(nameIn(source, parent)));
    const names = new Set(own.map((option) => option.name));
    return [...own, ...inherited.filter((option) => !names.has(option.name))];
  }

  /** All sets. */
  get sets(): readonly DescribedSet[] {
    return [...this.setsOf.values()].flat();
  }

  /**
   * The documented options of a set: those of the interface of its file that has these names itself, or else has them with
   * inherited ones, of a type literal there, or of an interface of another file that has these names and no more.
   */
  takenBy(set: DescribedSet): TakenOptions[] {
    const names = Object.keys(set.kinds);
    const here = [...this.declared].filter(([, { source }]) => source.path === set.file);
    const all = (declared: Iterable<readonly [string, unknown]>): TakenOptions[] =>
      [...declared].map(([name]) => ({ name, options: this.of(name) }));
    const choices: readonly (() => TakenOptions[])[] = [
      () => here.map(([name]) => ({ name, options: this.ownOf(name) })).filter(isExactly(names)),
      () => all(here).filter(hasAll(names)),
      () => here.flatMap(([name, declared]) => literalsIn(name, declared)).filter(isExactly(names)),
      () => all(this.declared).filter(isExactly(names)),
    ];
    for (const choice of choices) {
      const found = choice();
      if (found.length === 0) continue;
      return found.map(({ name, options }) => ({
        name,
        options: options
          .filter((option) => names.includes(option.name))
          .map((option) => ({ ...option, described: set.kinds[option.name] })),
      }));
    }
    return [];
  }

  /** The options that an interface has itself. */
  ownOf(name: string): Option[] {
    const found = this.declared.get(name);
    if (found?.node.type !== 'TSInterfaceDeclaration') return [];
    const { source, node } = found;
    const own = membersOf(source, (node['body'] as { body: SyntaxNode[] }).body);
    const names = own.map((option) => option.name).sort();
    const set = this.setsOf
      .get(source.path)
      ?.find(({ kinds }) => Object.keys(kinds).sort().join() === names.join());
    return own.map((option) => ({ ...option, described: set?.kinds[option.name] }));
  }

  ofType(source: SourceFile, type: SyntaxNode): Option[] {
    if (type.type === 'TSTypeReference') return this.of(nameIn(source, type));
    if (type.type === 'TSTypeLiteral') return membersOf(source, type['members'] as SyntaxNode[]);
    if (type.type === 'TSIntersectionType') {
      return (type['types'] as SyntaxNode[]).flatMap((part) => this.ofType(source, part));
    }
    return [];
  }
}

function hasAll(names: readonly string[]): (taken: TakenOptions) => boolean {
  return ({ options }) => names.every((name) => options.some((option) => option.name === name));
}

function isExactly(names: readonly string[]): (taken: TakenOptions) => boolean {
  const has = hasAll(names);
  return (taken) => taken.options.length === names.length && has(taken);
}

/** The objects that are written within a type: `whenDown?: { maxBytes?: number }`. */
function literalsIn(name: string, { source, node }: Declared): TakenOptions[] {
  const found: TakenOptions[] = [];
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    const { type, members } = part as Partial<SyntaxNode> & { members?: SyntaxNode[] };
    if (type === 'TSTypeLiteral') found.push({ name, options: membersOf(source, members ?? []) });
    for (const inner of Object.values(part)) visit(inner);
  };
  visit(node);
  return found;
}

function nameIn(source: SourceFile, node: SyntaxNode): string {
  return /^[\w$]+/.exec(source.text.slice(node.start, node.end))?.[0] ?? '';
}

function membersOf(source: SourceFile, members: readonly SyntaxNode[]): Option[] {
  return members.flatMap((member) => {
    if (member.type !== 'TSPropertySignature' && member.type !== 'TSMethodSignature') return [];
    const key = member['key'] as { name?: string; value?: string };
    const annotation = member['typeAnnotation'] as SyntaxNode | null | undefined;
    const type =
      annotation === null || annotation === undefined
        ? 'function'
        : source.text.slice(annotation.start, annotation.end).replace(/^:\s*/, '');
    const comment = (cardAbove(source, member) ?? '')
      .replace(/^[ \t]*\* ?/gm, '')
      .replace(/^\*\s*/, '');
    const standard = /@default(?:Value)?\s+([^\n@]+)/
      .exec(comment)?.[1]
      ?.trim()
      .replace(/^\d[\d_]*$/, (digits) => digits.replaceAll('_', ''));
    return [
      {
        name: key.name ?? key.value ?? '',
        type: type.replace(/\s+/g, ' '),
        isRequired: member['optional'] !== true,
        standard,
        file: source.path,
        line: lineOf(source.text, member.start),
        described: undefined,
        words: comment
          .replace(/(?<!\{)@[\s\S]*$/, '')
          .replace(/\s+/g, ' ')
          .trim(),
      },
    ];
  });
}

/** What the constructor of a class takes first, or what that of its parent takes. */
export function constructorType(source: SourceFile, className: string): SyntaxNode | undefined {
  for (const outer of source.body) {
    const node = outer['declaration'] as SyntaxNode | null | undefined;
    if (node?.type !== 'ClassDeclaration' || (node['id'] as Named).name !== className) continue;
    for (const member of (node['body'] as { body: SyntaxNode[] }).body) {
      if (member['kind'] !== 'constructor') continue;
      const value = member['value'] as { params?: unknown } | undefined;
      const raw = value?.params as SyntaxNode[] | { items: SyntaxNode[] } | undefined;
      const params = Array.isArray(raw) ? raw : (raw?.items ?? []);
      for (const param of params) {
        const target = param.type === 'AssignmentPattern' ? (param['left'] as SyntaxNode) : param;
        const annotation = target['typeAnnotation'] as SyntaxNode | null | undefined;
        const inner = annotation?.['typeAnnotation'] as SyntaxNode | undefined;
        if (
          inner?.type === 'TSTypeReference' &&
          /Options|Limits/.test(source.text.slice(inner.start, inner.end))
        ) {
          return inner;
        }
      }
      return undefined;
    }
  }
  return undefined;
}
