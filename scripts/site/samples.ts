// Code that the site shows is compiled or run by `npm run check -- docs`, or says why not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lineOf } from '../source-file.ts';
import type { Page } from './pages.ts';

const FENCE = /^([ \t]*)```(ts|typescript)(?: ([^\n]*))?\n[\s\S]*?^\1```/gm;
/** `<!-- not checked: REASON -->` stands right above a block that can be neither compiled nor run. */
const REASON = /<!-- not checked: \S[^>]*-->\s*$/;

export function uncheckedSamples(
  root: string,
  pages: readonly Page[],
): { problems: string[]; summary: string } {
  const problems: string[] = [];
  const count = { run: 0, check: 0, reason: 0 };
  for (const { source } of pages) {
    const text = readFileSync(join(root, source), 'utf8');
    for (const match of text.matchAll(FENCE)) {
      const kind = (match[3] ?? '').split(' ')[0];
      if (kind === 'run' || kind === 'check') count[kind] += 1;
      else if (REASON.test(text.slice(0, match.index))) count.reason += 1;
      else {
        problems.push(
          `${source}:${lineOf(text, match.index)}: begin the block with "\`\`\`ts run" or "\`\`\`ts check", ` +
            'or put "<!-- not checked: REASON -->" above it',
        );
      }
    }
  }
  const summary = `${count.run} run, ${count.check} compile, ${count.reason} say why not`;
  return { problems, summary };
}
