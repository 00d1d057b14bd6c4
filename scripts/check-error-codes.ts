// Every error code is documented, and every documented code exists.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { lineOf, readSource, type SyntaxNode } from './source-file.ts';

const SOURCE = 'packages/core/src/errors.ts';
const PAGE = 'docs/errors.md';
const PREFIX = 'HR_ERR_';

interface Place {
  readonly code: string;
  readonly line: number;
}

/** `{…} as const satisfies …`: the object within. */
function unwrap(node: SyntaxNode): SyntaxNode {
  const inner = node['expression'] as SyntaxNode | undefined;
  return inner !== undefined && node.type.startsWith('TS') ? unwrap(inner) : node;
}

function codesInSource(root: string): Place[] | undefined {
  const { body, text } = readSource(root, SOURCE);
  for (const statement of body) {
    const declaration = (statement['declaration'] ?? statement) as SyntaxNode;
    const declarators = (declaration['declarations'] ?? []) as SyntaxNode[];
    const table = declarators.find(
      (declarator) => (declarator['id'] as { name?: string }).name === 'ERROR_CODES',
    );
    if (table === undefined) continue;
    const properties = unwrap(table['init'] as SyntaxNode)['properties'] as SyntaxNode[];
    return properties.map((property) => {
      const key = property['key'] as { name?: string; value?: string };
      const name = key.name ?? key.value ?? '';
      const code = name.startsWith(PREFIX) ? name : PREFIX + name;
      return { code, line: lineOf(text, property.start) };
    });
  }
  return undefined;
}

function codesInPage(root: string): Place[] {
  const lines = readFileSync(join(root, PAGE), 'utf8').split('\n');
  return lines.flatMap((text, index) =>
    [...text.matchAll(/HR_ERR_[A-Z0-9_]+/g)].map(([code]) => ({ code, line: index + 1 })),
  );
}

export function checkErrorCodes(root: string): CheckResult {
  const inSource = existsSync(join(root, SOURCE)) ? codesInSource(root) : undefined;
  if (inSource === undefined) {
    return { problems: [{ file: SOURCE, message: 'has no table ERROR_CODES' }], summary: '' };
  }
  if (!existsSync(join(root, PAGE))) {
    return { problems: [{ file: PAGE, message: 'does not exist' }], summary: '' };
  }
  const inPage = codesInPage(root);
  const isMissing = (places: readonly Place[]) => (place: Place) =>
    !places.some(({ code }) => code === place.code);
  const problems: Problem[] = [
    ...inSource.filter(isMissing(inPage)).map(({ code, line }) => {
      return { file: SOURCE, line, message: `${code} is not in ${PAGE}` };
    }),
    ...inPage.filter(isMissing(inSource)).map(({ code, line }) => {
      return { file: PAGE, line, message: `${code} is not in ${SOURCE}` };
    }),
  ];
  return { problems, summary: `${inSource.length} error codes` };
}
