import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundled, PAGES } from '../../benchmarks/pages.ts';
import { type Judgement, judgeSize } from '../release/budget.ts';

const BUDGETS = 'scripts/release/page-budgets.json';

/** Judges a page by its minified bytes: they are the same on each machine, those of gzip depend on its zlib. */
export function judgePage(name: string, bytes: number, budget: number | undefined): Judgement {
  if (budget === undefined) return { problems: [`has no budget in ${BUDGETS}`], warnings: [] };
  const { problems, warnings } = judgeSize(bytes, budget, 'bytes minified', BUDGETS);
  const help = 'npm run bench:pages -- --modules shows what they are made of';
  return {
    problems: problems.map((one) => `${one}; ${help}`),
    warnings: warnings.map((one) => `${name}: ${one}`),
  };
}

/** The pages of the benchmark with the packages that are installed in a folder, judged by their budgets. */
export async function judgePages(
  root: string,
  folder: string,
): Promise<readonly (Judgement & { readonly name: string; readonly bytes: number })[]> {
  const budgets: Readonly<Record<string, number>> = JSON.parse(
    readFileSync(join(root, BUDGETS), 'utf8'),
  );
  const judged = [];
  for (const [name, program] of Object.entries(PAGES)) {
    const bytes = Buffer.byteLength((await bundled(folder, program)).code);
    judged.push({ name, bytes, ...judgePage(name, bytes, budgets[name]) });
  }
  return judged;
}
