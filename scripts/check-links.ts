import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';
import type { CheckResult, Problem } from './problem.ts';
import { filesBelow } from './source-file.ts';

export const LINK = /\[(?:[^\][]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g;

/** The text with code blanked out, so that line numbers stay. */
export function withoutCode(text: string): string {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ');
  return text
    .replace(/^([ \t]*)(`{3,}|~{3,})[\s\S]*?^[ \t]*\2/gm, blank)
    .replace(/`[^`\n]*`/g, blank);
}

/** The names GitHub gives to headings, plus explicit `id`s. */
function anchors(text: string): Set<string> {
  const names = new Set<string>();
  const prose = text.replace(/^([ \t]*)(`{3,}|~{3,})[\s\S]*?^[ \t]*\2/gm, '');
  for (const [, heading = ''] of prose.matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const name = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    let unique = name;
    for (let count = 1; names.has(unique); count += 1) unique = `${name}-${count}`;
    names.add(unique);
  }
  for (const [, id = ''] of text.matchAll(/\b(?:id|name)="([^"]+)"/g)) names.add(id);
  return names;
}

function linkProblem(root: string, file: string, link: string): string | undefined {
  const [path = '', anchor] = decodeURI(link).split('#');
  const target = path === '' ? file : posix.join(posix.dirname(file), path);
  if (target.startsWith('..')) return `link "${link}" leaves the repository`;
  if (path.startsWith('/') || !existsSync(join(root, target))) return `link "${link}" is dead`;
  if (
    anchor === undefined ||
    !target.endsWith('.md') ||
    statSync(join(root, target)).isDirectory()
  ) {
    return undefined;
  }
  const known = anchors(readFileSync(join(root, target), 'utf8'));
  return known.has(anchor) ? undefined : `link "${link}": ${target} has no heading #${anchor}`;
}

export function checkLinks(root: string): CheckResult {
  const files = filesBelow(root, '.', ['.md']);
  const problems: Problem[] = [];
  let count = 0;
  for (const file of files) {
    const lines = withoutCode(readFileSync(join(root, file), 'utf8')).split('\n');
    lines.forEach((text, index) => {
      for (const [, link = ''] of text.matchAll(LINK)) {
        if (/^[a-z][a-z+.-]*:/i.test(link)) continue;
        count += 1;
        const message = linkProblem(root, file, link);
        if (message !== undefined) problems.push({ file, line: index + 1, message });
      }
    });
  }
  return { problems, summary: `${count} links in ${files.length} pages` };
}
