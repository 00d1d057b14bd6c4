// The errors of the framework that a function throws or rejects with.
import type { SourceFile, SyntaxNode } from '../source-file.ts';
import { codeOf, type Declarations, membersOf, nameOf, paramsOf } from './declarations.ts';

const CLASSES = /^(?:Option|Pipeline|Decode|Encode|Channel|TimedOut|Rejected)Error$/;
/** Functions of other files that only look whether something is right. */
const GUARD = /^(?:check|refuse|must|require)/;

/** An error that is made: its class, and its code if it stands there. */
export interface Thrown {
  readonly className: string;
  readonly code: string;
}

/** Where code stands: its file, and the class around it. */
interface Place {
  readonly source: SourceFile;
  readonly owner: SyntaxNode;
}

/**
 * What a function throws itself, and by what it calls in its file and class, and by the guards of other files. What is
 * within another function runs later, and what is within a `try` with a `catch` is not thrown.
 */
export function thrownBy(
  all: Declarations,
  code: SyntaxNode,
  place: Place,
  seen: Set<SyntaxNode> = new Set(),
): Thrown[] {
  if (seen.has(code)) return [];
  seen.add(code);
  const { source, owner } = place;
  const found: Thrown[] = [];
  const follow = (called: SyntaxNode | null | undefined, where: Place): void => {
    if (called?.['body'] === undefined) return;
    const thrown = thrownBy(all, called, where, seen);
    // The options that the caller made are right.
    found.push(...thrown.filter(({ className }) => !isOfOptions(className, called, where.source)));
  };
  const made = (part: SyntaxNode | undefined): void => {
    if (part?.type === 'NewExpression') {
      const className = nameOf(part['callee']);
      const [first] = part['arguments'] as SyntaxNode[];
      const text = first === undefined ? '' : source.text.slice(first.start, first.end);
      const of = /([A-Z0-9_]+)'?$/.exec(text)?.[1] ?? '';
      if (CLASSES.test(className)) found.push({ className, code: of });
    } else if (part?.type === 'CallExpression') {
      const maker = all.meantBy(source.path, nameOf(part['callee']));
      const body = codeOf(maker?.node)?.['body'];
      if (maker?.source !== source || body === undefined) return;
      if (/Expression$/.test((body as SyntaxNode).type)) made(body as SyntaxNode);
      visit(body, (one) => one.type === 'ReturnStatement' && made(one['argument'] as SyntaxNode));
    }
  };
  visit(code['body'], (part) => {
    const [first] = (part['arguments'] as SyntaxNode[] | undefined) ?? [];
    const callee = part['callee'] as SyntaxNode | undefined;
    if (part.type === 'ThrowStatement') made(part['argument'] as SyntaxNode);
    if (part.type === 'NewExpression' && nameOf(callee) === 'Promise') follow(first, place);
    if (part.type !== 'CallExpression' || callee === undefined) return;
    const called = nameOf(callee['property'] ?? callee);
    if (/^(?:reject|failed)$/.test(called)) made(first);
    if (callee.type === 'Identifier') {
      const to = all.meantBy(source.path, called);
      if (to === undefined || (to.source !== source && !GUARD.test(called))) return;
      follow(codeOf(to.node), { source: to.source, owner: to.node });
    } else if ((callee['object'] as SyntaxNode | undefined)?.type === 'ThisExpression') {
      const method = membersOf(owner).find((one) => nameOf(one['key']) === called);
      follow(method?.['value'] as SyntaxNode | null | undefined, place);
    }
  });
  return found;
}

/** The errors of an options object are the same everywhere, and explained in docs/errors.md. */
export function isOfOptions(className: string, code: SyntaxNode, source: SourceFile): boolean {
  const takesOptions = paramsOf(code).some(({ start, end }) =>
    /(?:Options|Settings)\b/.test(source.text.slice(start, end)),
  );
  return className === 'OptionError' && takesOptions;
}

function visit(part: unknown, seen: (node: SyntaxNode) => unknown): void {
  if (typeof part !== 'object' || part === null) return;
  const node = part as SyntaxNode;
  if (/Function|^Class/.test(node.type)) return;
  if (node.type === 'TryStatement' && node['handler'] !== null) {
    visit(node['handler'], seen);
    visit(node['finalizer'], seen);
    return;
  }
  if (typeof node.type === 'string') seen(node);
  for (const inner of Object.values(node)) visit(inner, seen);
}
