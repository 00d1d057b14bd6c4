// Every error code has a heading of its own below its class, with its meaning, when it happens and what to do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BUS_ERRORS } from '@headrace/bus';
import { CLIENT_ERRORS } from '@headrace/client';
import { ERROR_CODES, type ErrorCodeEntry } from '@headrace/core';
import { DATAGRAM_ERRORS } from '@headrace/datagram';
import { DURABLE_ERRORS } from '@headrace/durable';
import { GATEWAY_ERRORS } from '@headrace/gateway';
import { LASTING_ERRORS } from '@headrace/lasting';
import { WEB_SOCKET_ERRORS } from '@headrace/websocket';
import type { CheckResult } from './problem.ts';

const PAGE = 'docs/errors.md';
const PARTS = ['**When:**', '**Do:**'];

/** The codes of all packages. */
export const ALL_CODES: readonly ErrorCodeEntry[] = [
  ERROR_CODES,
  CLIENT_ERRORS,
  BUS_ERRORS,
  DURABLE_ERRORS,
  DATAGRAM_ERRORS,
  GATEWAY_ERRORS,
  LASTING_ERRORS,
  WEB_SOCKET_ERRORS,
].flatMap((table) => Object.values<ErrorCodeEntry>(table));
const OF_CORE = new Set<ErrorCodeEntry>(Object.values(ERROR_CODES));
/** The codes that programs recognize by the table of their package. */
const BY_TABLE = new Set(ALL_CODES.filter((entry) => !OF_CORE.has(entry)));

export function checkErrorCodes(root: string, known = ALL_CODES): CheckResult {
  const page = readFileSync(join(root, PAGE), 'utf8');
  const sections = new Map<string, { readonly above: string; readonly text: string }>();
  for (const part of page.split(/^## /m).slice(1)) {
    const [[above = ''] = [], ...below] = part.split(/^### /m).map((one) => one.split('\n'));
    for (const [code = '', ...lines] of below)
      sections.set(code.trim(), { above, text: lines.join('\n').trim() });
  }
  const messages = known.flatMap((entry) => {
    const { code, className, meaning } = entry;
    const section = sections.get(code);
    if (section === undefined) return [`${code} has no heading "### ${code}"`];
    const { above, text } = section;
    const said: string[] = [];
    if (above !== className) said.push(`stands below "${above}", not below "## ${className}"`);
    const sentence = `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)}.`;
    if (!text.startsWith(sentence)) said.push(`does not begin with "${sentence}"`);
    const isEmpty = (part: string) => (text.split(part)[1]?.split('\n')[0] ?? '').trim() === '';
    said.push(...PARTS.filter(isEmpty).map((part) => `lacks ${part}`));
    const inTable = `_ERRORS.${code.replace('HR_ERR_', '')}\``;
    if (BY_TABLE.has(entry) && !text.includes(inTable)) said.push('does not name its table');
    return said.map((words) => `${code} ${words}`);
  });
  const codes = new Set(known.map(({ code }) => code));
  for (const [code] of page.matchAll(/HR_ERR_[A-Z0-9_]+/g))
    if (!codes.has(code)) messages.push(`no package has ${code}`);
  const problems = messages.map((message) => ({ file: PAGE, message }));
  return { problems, summary: `${known.length} error codes explained` };
}
