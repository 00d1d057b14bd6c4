// Code that the site shows is compiled or run by `npm run check -- docs`, or says why not.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksIn, isCompiled, isRun } from '../sample-blocks.ts';
import type { Page } from './pages.ts';

/** `<!-- not checked: REASON -->` stands right above a block that can be neither compiled nor run. */
const REASON = /<!-- not checked: \S[^>]*-->$/;

export function uncheckedSamples(
  root: string,
  pages: readonly Page[],
): { problems: string[]; summary: string } {
  const blocks = pages
    .flatMap(({ source }) => blocksIn(source, readFileSync(join(root, source), 'utf8')))
    .filter(({ info }) => /^(?:ts|typescript)(?: |$)/.test(info));
  const others = blocks.filter((block) => !isCompiled(block));
  const problems = others
    .filter(({ above }) => !REASON.test(above))
    .map(
      ({ file, line }) =>
        `${file}:${line}: begin the block with "\`\`\`ts run" or "\`\`\`ts check", ` +
        'or put "<!-- not checked: REASON -->" above it',
    );
  const [run, compiled] = [blocks.filter(isRun).length, blocks.length - others.length];
  const reasons = others.length - problems.length;
  return { problems, summary: `${run} run, ${compiled - run} compile, ${reasons} say why not` };
}
