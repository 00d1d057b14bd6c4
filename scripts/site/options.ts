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

  /** The names of all interfaces and option types. */
  get names(): Iterable<string> {
    return this.declared.keys();
  }

  /** The file of an interface. */
  fileOf(name: string): string {
    return this.declared.get(name)?.source.path ?? '';
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
        line: lineOf(source.text, member.start),
        described: undefined,
        words: comment
          .replace(/@[\s\S]*$/, '')
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
