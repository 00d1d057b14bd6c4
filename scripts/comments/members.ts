// What a user reads of a member: its own comment, or one that it inherits, as editors and the API reports show it.
import type { SourceFile, SyntaxNode } from '../source-file.ts';
import {
  type Declarations,
  type Declared,
  keyOf,
  type Member,
  membersOf,
  wordsOf,
} from './declarations.ts';

/**
 * The language and Node give these the same meaning everywhere (what a `dispose` frees is another matter), and a symbol of
 * the file's own is a mark that only the compiler sees.
 */
const OF_THE_LANGUAGE =
  /^(?:constructor|then|toString|toJSON|\[(?:\w+|Symbol\.(?!\w*[dD]ispose)\w+|inspect\.custom)\])$/;
const VALUE = /^(?:'[^']*'|true|false)$/;

/** A member that nothing explains. */
interface Silent {
  readonly name: string;
  readonly node: SyntaxNode;
}

/** The members of a class, an interface or an object type that a user or a subclass sees, and that nothing explains. */
export function silentMembers(all: Declarations, { name, source, node }: Declared): Silent[] {
  const silent = new Map<string, Silent>();
  for (const member of [...membersOf(node), ...literalsIn(source, node['typeAnnotation'])]) {
    const key = keyOf(source, member);
    const said = all.commentsOf(source, node, member);
    if (key === '' || isHidden(member) || said.some(explains)) continue;
    if (isObvious({ source, node: member }, key, said.join(' '))) continue;
    const line = [{ node: member }, ...all.inherited(source, node, key)];
    const isOfOthers = line.every(({ node: one }) => one['override'] === true);
    if (!isOfOthers) silent.set(key, { name: `${name}.${key}`, node: member });
  }
  return [...silent.values()];
}

function explains(comment: string): boolean {
  return wordsOf(comment) !== '' || comment.includes('@internal');
}

function isHidden({ key, accessibility }: SyntaxNode): boolean {
  return (key as SyntaxNode).type === 'PrivateIdentifier' || accessibility === 'private';
}

/**
 * A comment would only repeat what stands there: of a constructor, which its class explains, and of other methods of the
 * language; of a field that tells kinds apart, whose type is its value (`type: 'connect'`); of a field that is named as its
 * type (`channel: Channel`), which is explained itself, and is required or has its default.
 */
function isObvious({ source, node }: Member, key: string, said: string): boolean {
  if (OF_THE_LANGUAGE.test(key)) return true;
  const type = typeOf(source, node);
  if (/^(?:type|kind|name)$/.test(key) && type.split(/\s*\|\s*/).every((one) => VALUE.test(one)))
    return true;
  const [ofType = ''] = /^\w+/.exec(type) ?? [];
  return (
    /^[A-Z]/.test(ofType) &&
    (node['optional'] !== true || said.includes('@default')) &&
    ofType.toLowerCase().endsWith(key.toLowerCase())
  );
}

/** The type of a field, as it is written, or its value if it has none; of an accessor what it returns. */
function typeOf(source: SourceFile, { typeAnnotation, value, kind }: SyntaxNode): string {
  const { returnType } = (value ?? {}) as Partial<SyntaxNode>;
  const annotation = (kind === 'get' ? returnType : typeAnnotation) as SyntaxNode | null;
  const { start, end } = annotation ?? ((value ?? { start: 0, end: 0 }) as SyntaxNode);
  return source.text.slice(start, end).replace(/^:\s*(?:\|\s*)?/, '');
}

/**
 * The members of the objects that a type is written as: `{ … }`, `A & { … }`, `{ … } | { … }`. An object on one line is
 * explained by the comment of its type.
 */
function literalsIn(source: SourceFile, type: unknown): SyntaxNode[] {
  const { members, types, start = 0, end = 0 } = (type ?? {}) as Partial<SyntaxNode>;
  if (Array.isArray(members) && source.text.slice(start, end).includes('\n')) return members;
  return Array.isArray(types) ? types.flatMap((part) => literalsIn(source, part)) : [];
}
