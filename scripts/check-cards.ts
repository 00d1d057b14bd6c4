// Every public handler class has its card: what it takes, gives, raises and keeps, and code that runs.
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import {
  filesBelow,
  foldersIn,
  lineOf,
  readSource,
  type SourceFile,
  type SyntaxNode,
} from './source-file.ts';

const HANDLER = /(?:Handler|Decoder|Encoder|Codec|Prepender|Detector)$/;
const PARTS = ['**Place**', '**In**', '**Out**', '**Errors**', '**State**', '@example'];

/** A public handler as it stands in the sources. */
export interface HandlerClass {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly card: string | undefined;
}

/** The names that a package's entry passes on, and the files it passes on whole. */
function publicNames(root: string, entry: string): { names: Set<string>; files: Set<string> } {
  const names = new Set<string>();
  const files = new Set<string>();
  for (const node of readSource(root, entry).body) {
    const source = node['source'] as { value: string } | null | undefined;
    if (!source) continue;
    if (node.type === 'ExportAllDeclaration') {
      files.add(posix.join(posix.dirname(entry), source.value));
    } else if (node.type === 'ExportNamedDeclaration') {
      for (const specifier of node['specifiers'] as Array<{ local: { name: string } }>) {
        names.add(specifier.local.name);
      }
    }
  }
  return { names, files };
}

/** The JSDoc block right above a statement (decorators may stand between). */
export function cardAbove(source: SourceFile, node: SyntaxNode): string | undefined {
  const above = source.comments.filter(
    ({ value, end }) => value.startsWith('*') && end <= node.start,
  );
  const last = above.at(-1);
  if (last === undefined) return undefined;
  const between = source.text.slice(last.end, node.start).trim();
  return between === '' || between.startsWith('@') ? last.value : undefined;
}

function handlersOf(source: SourceFile): HandlerClass[] {
  return source.body.flatMap((node) => {
    if (node.type !== 'ExportNamedDeclaration') return [];
    const declaration = node['declaration'] as SyntaxNode | null;
    if (declaration?.type !== 'ClassDeclaration' || declaration['abstract'] === true) return [];
    const { name } = declaration['id'] as { name: string };
    if (!HANDLER.test(name)) return [];
    const line = lineOf(source.text, declaration.start);
    return [{ name, file: source.path, line, card: cardAbove(source, node) }];
  });
}

function cardProblem({ name, card }: HandlerClass): string | undefined {
  if (card === undefined) return `${name} has no card`;
  const missing = PARTS.filter((part) => !card.includes(part));
  if (missing.length > 0) return `the card of ${name} lacks ${missing.join(', ')}`;
  const example = card.slice(card.indexOf('@example'));
  return example.includes('```ts run')
    ? undefined
    : `the @example of ${name} is not run: begin it with "\`\`\`ts run"`;
}

/** The handlers that the packages' main entries export. */
export function publicHandlers(root: string): HandlerClass[] {
  return foldersIn(root, 'packages').flatMap((folder) => {
    const entries = [`${folder}/src/index.ts`].filter((entry) => existsSync(join(root, entry)));
    const known = entries.map((entry) => publicNames(root, entry));
    return filesBelow(root, `${folder}/src`, ['.ts']).flatMap((file) =>
      handlersOf(readSource(root, file)).filter((handler) =>
        known.some(({ names, files }) => files.has(file) || names.has(handler.name)),
      ),
    );
  });
}

export function checkCards(root: string): CheckResult {
  const problems: Problem[] = [];
  const handlers = publicHandlers(root);
  for (const handler of handlers) {
    const message = cardProblem(handler);
    if (message !== undefined) problems.push({ file: handler.file, line: handler.line, message });
  }
  return { problems, summary: `${handlers.length} cards` };
}
