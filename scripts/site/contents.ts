// docs/README.md is the table of contents: its headings are the groups of the sidebar, its links the pages.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { filesBelow } from '../source-file.ts';
import { withoutCode } from './links.ts';

export interface ContentsItem {
  readonly text: string;
  readonly link: string;
}

export interface ContentsGroup {
  readonly text: string;
  readonly items: readonly ContentsItem[];
}

const SOURCE = 'docs/README.md';
const LINKED = String.raw`\[((?:[^\][]|\[[^\]]*\])*)\]\(([^)\s]+)\)`;
const ITEM = new RegExp(`^\\s*[-*] ${LINKED}`);
const ANY = new RegExp(LINKED, 'g');
/** Pages that a list of their own reaches. */
const OTHER_LISTS = ['docs/decisions/', 'docs/recipes/', 'docs/coming-from/'];

/**
 * The groups, with links as they stand in the rewritten text. An item that begins with a link is a page; of an item
 * that begins with words every link is one. Links that leave the site are in no group.
 */
export function readContents(rewritten: string): ContentsGroup[] {
  const groups: Array<{ text: string; items: ContentsItem[] }> = [];
  let takesAll = false;
  for (const line of rewritten.split('\n')) {
    const heading = /^## (.+)$/.exec(line)?.[1];
    if (heading !== undefined) groups.push({ text: heading, items: [] });
    const item = ITEM.exec(line);
    if (/^\s*[-*] /.test(line)) takesAll = item === null;
    else if (!line.startsWith(' ')) takesAll = false;
    const found = takesAll ? [...line.matchAll(ANY)] : item === null ? [] : [item];
    for (const [, text = '', link = ''] of found) {
      if (!link.startsWith('/')) continue;
      groups.at(-1)?.items.push({ text: text.replace(/`/g, ''), link });
    }
  }
  return groups.filter(({ items }) => items.length > 0);
}

function linkedFrom(root: string, source: string): Set<string> {
  const text = withoutCode(readFileSync(join(root, source), 'utf8'));
  const found = new Set<string>();
  for (const [, target = ''] of text.matchAll(/\]\(<?([^)\s>#]+)/g)) {
    found.add(posix.join(posix.dirname(source), target));
  }
  return found;
}

/** Files of docs/ that no list reaches. */
export function unreached(root: string): string[] {
  const files = filesBelow(root, 'docs', ['.md']);
  const listed = linkedFrom(root, SOURCE);
  for (const folder of OTHER_LISTS) {
    const list = `${folder}README.md`;
    if (!listed.has(list) || !files.includes(list)) continue;
    for (const one of linkedFrom(root, list)) listed.add(one);
  }
  return files
    .filter((source) => source !== SOURCE && !listed.has(source))
    .map((source) => `${source} is in no list: add it to ${SOURCE}`);
}
