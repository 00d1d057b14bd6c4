// Every error code has a heading of its own below its class, with its meaning, when it happens and what to do.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { lineOf, readSource, type SyntaxNode } from './source-file.ts';

const SOURCE = 'packages/core/src/errors.ts';
const PAGE = 'docs/errors.md';
const PREFIX = 'HR_ERR_';
const PARTS = ['**When:**', '**What to do:**'];

interface Place {
  readonly code: string;
  readonly line: number;
}

interface Known extends Place {
  readonly className: string | undefined;
  readonly meaning: string | undefined;
}

interface Section extends Place {
  readonly className: string | undefined;
  readonly text: readonly string[];
}

/** `{…} as const satisfies …`: the object within. */
function unwrap(node: SyntaxNode): SyntaxNode {
  const inner = node['expression'] as SyntaxNode | undefined;
  return inner !== undefined && node.type.startsWith('TS') ? unwrap(inner) : node;
}

function codesInSource(root: string): Known[] | undefined {
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
      const { elements = [] } = property['value'] as { elements?: { value?: string }[] };
      const [className, meaning] = elements.map(({ value }) => value);
      const code = PREFIX + (key.name ?? key.value ?? '');
      return { code, className, meaning, line: lineOf(text, property.start) };
    });
  }
  return undefined;
}

/** The sections of the page whose heading is a code. */
function sectionsOf(lines: readonly string[]): Section[] {
  const sections: (Section & { readonly text: string[] })[] = [];
  let className: string | undefined;
  let isOpen = false;
  lines.forEach((text, index) => {
    const [, marks = '', title = ''] = /^(#+)\s+(.*?)\s*$/.exec(text) ?? [];
    if (marks.length === 2) className = title;
    if (marks !== '') isOpen = marks.length === 3 && title.startsWith(PREFIX);
    if (!isOpen) return;
    if (marks === '') sections.at(-1)?.text.push(text);
    else sections.push({ code: title, line: index + 1, className, text: [] });
  });
  return sections;
}

/** The codes that the page names, in headings or in the text. */
function codesNamed(lines: readonly string[]): Place[] {
  return lines.flatMap((text, index) =>
    [...text.matchAll(/HR_ERR_[A-Z0-9_]+/g)].map(([code]) => ({ code, line: index + 1 })),
  );
}

/** A sentence of the table as a sentence of the page. */
function sentence(meaning: string): string {
  return `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}.`;
}

function problemsOf({ code, line, className, text }: Section, known: Known): Problem[] {
  const said: string[] = [];
  if (known.className !== undefined && className !== known.className) {
    said.push(`stands below "${className ?? ''}", not below "## ${known.className}"`);
  }
  const first = text.find((words) => words.trim() !== '');
  if (known.meaning !== undefined && first?.startsWith(sentence(known.meaning)) !== true) {
    said.push(`does not begin with "${sentence(known.meaning)}", as ${SOURCE} has it`);
  }
  for (const part of PARTS) {
    const has = text.some((words) => words.includes(part) && words.split(part)[1]?.trim() !== '');
    if (!has) said.push(`lacks ${part}`);
  }
  return said.map((message) => ({ file: PAGE, line, message: `${code} ${message}` }));
}

export function checkErrorCodes(root: string): CheckResult {
  const known = existsSync(join(root, SOURCE)) ? codesInSource(root) : undefined;
  if (known === undefined) {
    return { problems: [{ file: SOURCE, message: 'has no table ERROR_CODES' }], summary: '' };
  }
  if (!existsSync(join(root, PAGE))) {
    return { problems: [{ file: PAGE, message: 'does not exist' }], summary: '' };
  }
  const lines = readFileSync(join(root, PAGE), 'utf8').split('\n');
  const sections = sectionsOf(lines);
  const problems = known.flatMap((place) => {
    const section = sections.find(({ code }) => code === place.code);
    if (section !== undefined) return problemsOf(section, place);
    const message = `${place.code} has no heading "### ${place.code}" in ${PAGE}`;
    return [{ file: SOURCE, line: place.line, message }];
  });
  for (const { code, line } of codesNamed(lines)) {
    if (known.some((place) => place.code === code)) continue;
    problems.push({ file: PAGE, line, message: `${code} is not in ${SOURCE}` });
  }
  return { problems, summary: `${known.length} error codes explained` };
}
