// What the packages declare and export, with the comments that a user reads of it.
import { posix } from 'node:path';
import { cardAbove } from '../check-cards.ts';
import type { SourceFile, SyntaxNode } from '../source-file.ts';

type Named = { readonly name?: string; readonly value?: string };

/** Something that a file declares at its top. */
export interface Declared {
  readonly name: string;
  readonly source: SourceFile;
  readonly node: SyntaxNode;
  /** Its comment, those of its overloads included. */
  readonly comment: string;
}

/** A function, constructor, method or accessor that a user calls. */
export interface Callable {
  readonly name: string;
  readonly node: SyntaxNode;
  /** With its parameters and body. */
  readonly code: SyntaxNode;
  /** Its comment, and that of its class, and what both inherit. */
  readonly comment: string;
}

/** A member where it is declared. */
interface Member {
  readonly source: SourceFile;
  readonly node: SyntaxNode;
}

/** All that some files declare at their tops. */
export class Declarations {
  private readonly files = new Map<string, SourceFile>();
  private readonly declared = new Map<string, Map<string, Declared>>();
  private readonly byName = new Map<string, Declared>();

  constructor(sources: Iterable<SourceFile>) {
    for (const source of sources) {
      this.files.set(source.path, source);
      const declared = new Map<string, Declared>();
      this.declared.set(source.path, declared);
      for (const outer of source.body) this.add(declared, source, outer);
    }
  }

  private add(declared: Map<string, Declared>, source: SourceFile, outer: SyntaxNode): void {
    for (const node of declarationsIn(outer)) {
      const name = nameOf(node['id']);
      const before = declared.get(name)?.comment ?? '';
      const one = { name, source, node, comment: `${before} ${cardAbove(source, outer) ?? ''}` };
      declared.set(name, one);
      this.byName.set(name, one);
    }
  }

  /** What a file exports, of the packages' own; or what it exports under one name. */
  exportedBy(path: string, only?: string): Declared[] {
    return (this.files.get(path)?.body ?? []).flatMap((node) => {
      const from = (node['source'] as Named | null | undefined)?.value;
      const target = from === undefined ? path : fileOf(path, from);
      if (target === undefined) return [];
      if (node.type === 'ExportAllDeclaration') return this.exportedBy(target, only);
      if (node.type !== 'ExportNamedDeclaration') return [];
      const wanted = (name: string): boolean => only === undefined || only === name;
      const listed = ((node['specifiers'] as SyntaxNode[] | undefined) ?? []).flatMap((one) => {
        const local = nameOf(one['local']);
        if (!wanted(nameOf(one['exported']))) return [];
        return from === undefined ? this.own(path, local) : this.exportedBy(target, local);
      });
      const own = declarationsIn(node).map((one) => nameOf(one['id']));
      return [...listed, ...own.filter(wanted).flatMap((name) => this.own(path, name))];
    });
  }

  private own(path: string, name: string): Declared[] {
    const one = this.declared.get(path)?.get(name);
    return one === undefined ? [] : [one];
  }

  /** What a name means in a file: its own declaration, or one that it imports. */
  meantBy(path: string, name: string): Declared | undefined {
    const own = this.declared.get(path)?.get(name);
    if (own !== undefined) return own;
    for (const node of this.files.get(path)?.body ?? []) {
      if (node.type !== 'ImportDeclaration') continue;
      for (const one of node['specifiers'] as SyntaxNode[]) {
        if (nameOf(one['local']) !== name) continue;
        const [from, there] = [(node['source'] as Named).value ?? '', nameOf(one['imported'])];
        const target = fileOf(path, from);
        if (target !== undefined) return this.declared.get(target)?.get(there);
        return from.startsWith('@headrace/') ? this.byName.get(there) : undefined;
      }
    }
    return undefined;
  }

  /** What a user calls of it. */
  callables({ name, source, node, comment }: Declared): Callable[] {
    const code = codeOf(node);
    if (code !== undefined) return [{ name, node, code, comment }];
    return publicMembers(node).flatMap((member) => {
      if (!/Method/.test(member.type)) return [];
      const key = nameOf(member['key']);
      const said = this.commentOf(source, node, member);
      const called = key === 'constructor' ? `new ${name}` : `${name}.${key}`;
      const of = (member['value'] as SyntaxNode | undefined) ?? member;
      return said.includes('@internal')
        ? []
        : [{ name: called, node: member, code: of, comment: `${comment} ${said}` }];
    });
  }

  /** The comment of a member, with those of its overloads, and of the members that it implements or overrides. */
  commentOf(source: SourceFile, owner: SyntaxNode, member: SyntaxNode): string {
    const key = keyOf(source, member);
    const own = membersOf(owner).filter((one) => one !== member && keyOf(source, one) === key);
    const said = [
      { source, node: member },
      ...own.map((node) => ({ source, node })),
      ...this.inherited(source, owner, key),
    ];
    return said.map(({ source: of, node }) => cardAbove(of, node) ?? '').join(' ');
  }

  /**
   * The members of that name which one has the comment of, the nearest first: as the compiler has it, that of the base
   * class, else of an interface. What a base class implements is none of its subclass, unless the base has the member.
   */
  private inherited(source: SourceFile, owner: SyntaxNode, key: string): Member[] {
    const parents = [...basesOf(owner), ...((owner['implements'] as SyntaxNode[]) ?? [])];
    for (const parent of parents) {
      const found = this.membersBelow(source, parent, key);
      if (found.length > 0) return found;
    }
    return [];
  }

  private membersBelow(source: SourceFile, { start, end }: SyntaxNode, key: string): Member[] {
    const [, name = ''] = PARENT.exec(source.text.slice(start, end)) ?? [];
    const parent = this.meantBy(source.path, name);
    if (parent === undefined) return [];
    const { source: of, node } = parent;
    // One that is named as the class of others which it extends.
    if (of === source && node.start <= start && end <= node.end) return [];
    const own = membersOf(node).filter((one) => keyOf(of, one) === key);
    if (own.length > 0)
      return [...own.map((one) => ({ source: of, node: one })), ...this.inherited(of, node, key)];
    for (const base of basesOf(node)) {
      const found = this.membersBelow(of, base, key);
      if (found.length > 0) return found;
    }
    return [];
  }
}

/** What one extends, or is another name of. */
function basesOf(node: SyntaxNode): SyntaxNode[] {
  const { superClass, typeAnnotation } = node as Readonly<Record<string, SyntaxNode | null>>;
  const bases = [...((node['extends'] as SyntaxNode[]) ?? [])];
  if (superClass) bases.push(superClass);
  if (node.type === 'TSTypeAliasDeclaration' && typeAnnotation) bases.push(typeAnnotation);
  return bases;
}

/** The words of a comment, without its tags. */
export function wordsOf(comment: string): string {
  return comment
    .replace(/^[ \t]*\*+ ?/gm, '')
    .replace(/(?<!\{)@[\s\S]*$/, '')
    .trim();
}

/** The name of a member: `close`, `[Symbol.dispose]`; none for a call signature. */
function keyOf(source: SourceFile, { key, computed }: SyntaxNode): string {
  if (key === undefined) return '';
  const { start, end } = key as SyntaxNode;
  return computed === true ? `[${source.text.slice(start, end)}]` : nameOf(key);
}

/** The name of what one extends, or is a part of. */
const PARENT = /^(?:(?:Omit|Partial|Pick|Readonly|Required)<)?([\w$]+)/;

export function nameOf(node: unknown): string {
  const { name, value } = (node ?? {}) as Named;
  return name ?? value ?? '';
}

/** The file that an import of another file means. */
function fileOf(path: string, from: string): string | undefined {
  return from.startsWith('.') ? posix.join(posix.dirname(path), from) : undefined;
}

/** The functions, classes, types and constants of a statement. */
function declarationsIn(outer: SyntaxNode): SyntaxNode[] {
  const node = (outer['declaration'] as SyntaxNode | null | undefined) ?? outer;
  if (node.type === 'VariableDeclaration') return node['declarations'] as SyntaxNode[];
  return nameOf(node['id']) === '' ? [] : [node];
}

/** The function that a declaration is. */
export function codeOf(node: SyntaxNode | undefined): SyntaxNode | undefined {
  if (node?.type === 'FunctionDeclaration') return node;
  const init = node?.['init'] as SyntaxNode | null | undefined;
  return init?.type === 'ArrowFunctionExpression' ? init : undefined;
}

/** The parameters of a function. */
export function paramsOf(code: SyntaxNode): SyntaxNode[] {
  const params = code['params'] as SyntaxNode[] | { readonly items: SyntaxNode[] } | undefined;
  return Array.isArray(params) ? params : (params?.items ?? []);
}

/** The members of a class or an interface. */
export function membersOf(node: SyntaxNode): SyntaxNode[] {
  const { body } = (node['body'] ?? {}) as { readonly body?: unknown };
  return Array.isArray(body) && /Class|Interface/.test(node.type) ? body : [];
}

export function publicMembers(node: SyntaxNode): SyntaxNode[] {
  return membersOf(node).filter((member) => {
    const isHidden = (member['key'] as SyntaxNode | undefined)?.type === 'PrivateIdentifier';
    return !isHidden && !['private', 'protected'].includes(member['accessibility'] as string);
  });
}
