// Every error code has a heading of its own below its class, with its meaning, when it happens and what to do.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_ERRORS } from '@headrace/client';
import { CLUSTER_ERRORS } from '@headrace/cluster';
import { ERROR_CODES, type ErrorCodeEntry } from '@headrace/core';
import { LASTING_ERRORS } from '@headrace/lasting';
import { WEB_SOCKET_ERRORS } from '@headrace/websocket';
import type { CheckResult, Problem } from './problem.ts';

const PAGE = 'docs/errors.md';
const PREFIX = 'HR_ERR_';
const PARTS = ['**When:**', '**What to do:**'];

/** The codes of all packages. */
export const ALL_CODES: readonly ErrorCodeEntry[] = [
  ERROR_CODES,
  CLIENT_ERRORS,
  CLUSTER_ERRORS,
  LASTING_ERRORS,
  WEB_SOCKET_ERRORS,
].flatMap((table) => Object.values<ErrorCodeEntry>(table));

interface Section {
  readonly code: string;
  readonly line: number;
  readonly className: string | undefined;
  readonly text: readonly string[];
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

function problemsOf(section: Section, entry: ErrorCodeEntry): Problem[] {
  const { code, line, className, text } = section;
  const said: string[] = [];
  if (className !== entry.className) {
    said.push(`stands below "${className ?? ''}", not below "## ${entry.className}"`);
  }
  const sentence = `${entry.meaning.charAt(0).toUpperCase()}${entry.meaning.slice(1)}.`;
  const first = text.find((words) => words.trim() !== '');
  if (first?.startsWith(sentence) !== true) said.push(`does not begin with "${sentence}"`);
  for (const part of PARTS) {
    const has = text.some((words) => words.includes(part) && words.split(part)[1]?.trim() !== '');
    if (!has) said.push(`lacks ${part}`);
  }
  return said.map((message) => ({ file: PAGE, line, message: `${code} ${message}` }));
}

export function checkErrorCodes(root: string, known = ALL_CODES): CheckResult {
  if (!existsSync(join(root, PAGE))) {
    return { problems: [{ file: PAGE, message: 'does not exist' }], summary: '' };
  }
  const lines = readFileSync(join(root, PAGE), 'utf8').split('\n');
  const sections = sectionsOf(lines);
  const problems = known.flatMap((entry) => {
    const section = sections.find(({ code }) => code === entry.code);
    if (section !== undefined) return problemsOf(section, entry);
    return [{ file: PAGE, message: `${entry.code} has no heading "### ${entry.code}"` }];
  });
  lines.forEach((text, index) => {
    for (const [code] of text.matchAll(/HR_ERR_[A-Z0-9_]+/g)) {
      if (known.some((entry) => entry.code === code)) continue;
      problems.push({ file: PAGE, line: index + 1, message: `no package has ${code}` });
    }
  });
  return { problems, summary: `${known.length} error codes explained` };
}
