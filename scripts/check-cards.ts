// Every public handler class has its card: what it takes, gives, raises and keeps, and code that runs.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult } from './problem.ts';
import {
  filesBelow,
  foldersIn,
  lineOf,
  readSource,
  type SourceFile,
  type SyntaxNode,
} from './source-file.ts';

const HANDLER = /(?:Handler|Decoder|Encoder|Codec|Prepender|Detector)$/;
const PARTS = [
  '**Place**',
  '**In**',
  '**Out**',
  '**Errors**',
  '**State**',
  '@example',
  '```ts run',
];

/** A public handler as it stands in the sources. */
export interface HandlerClass {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly card: string | undefined;
}

/** The names that a package's main entry passes on. */
function publicNames(root: string, folder: string): Set<string> {
  const entry = join(root, folder, 'src/index.ts');
  const text = existsSync(entry) ? readFileSync(entry, 'utf8') : '';
  const lists = Array.from(text.matchAll(/^export \{([^}]*)\} from/gm), ([, list = '']) => list);
  return new Set(lists.flatMap((list) => list.split(/[\s,]+/)));
}

/** The JSDoc block right above a statement (decorators and comments of a line may stand between). */
export function cardAbove(source: SourceFile, node: SyntaxNode): string | undefined {
  const above = source.comments.filter(
    ({ value, end }) => value.startsWith('*') && end <= node.start,
  );
  const last = above.at(-1);
  if (last === undefined) return undefined;
  const between = source.text
    .slice(last.end, node.start)
    .replace(/^ *\/\/.*$/gm, '')
    .trim();
  return between === '' || between.startsWith('@') ? last.value : undefined;
}

function handlersOf(source: SourceFile): HandlerClass[] {
  return source.body.flatMap((node) => {
    const declaration = node['declaration'] as SyntaxNode | null | undefined;
    if (declaration?.type !== 'ClassDeclaration' || declaration['abstract'] === true) return [];
    const { name } = declaration['id'] as { name: string };
    const line = lineOf(source.text, declaration.start);
    return [{ name, file: source.path, line, card: cardAbove(source, node) }];
  });
}

/** The handlers that the packages' main entries export. */
export function publicHandlers(root: string): HandlerClass[] {
  return foldersIn(root, 'packages').flatMap((folder) => {
    const known = publicNames(root, folder);
    return filesBelow(root, `${folder}/src`, ['.ts'])
      .flatMap((file) => handlersOf(readSource(root, file)))
      .filter(({ name }) => HANDLER.test(name) && known.has(name));
  });
}

export function checkCards(root: string): CheckResult {
  const handlers = publicHandlers(root);
  const problems = handlers.flatMap(({ name, file, line, card = '' }) => {
    const missing = PARTS.filter((part) => !card.includes(part));
    if (missing.length === 0) return [];
    return [{ file, line, message: `the card of ${name} lacks ${missing.join(', ')}` }];
  });
  return { problems, summary: `${handlers.length} cards` };
}
