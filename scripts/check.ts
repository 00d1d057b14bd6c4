// `npm run check` runs every check of the sources; `npm run check -- layers docs` runs some.
import { checkApi, checkKernelReports } from './api-report/report.ts';
import { checkBorder } from './check-border.ts';
import { checkDocs } from './check-docs.ts';
import { checkLayers } from './check-layers.ts';
import { checkPatterns } from './check-patterns.ts';
import { checkTypeFails } from './check-type-fails.ts';
import { checkMutantPlaces } from './mutants/located.ts';
import { type Check, describeProblem } from './problem.ts';
import { checkProse } from './prose/check.ts';
import { Tally } from './tally.ts';
import {
  checkContract,
  checkCost,
  checkWorkflows,
  findDeadCode,
  lint,
  lintPromises,
  typeCheck,
} from './tools.ts';
import { checkWalk } from './walk/walk.ts';
import { root } from './workspace.ts';

const CHECKS: Readonly<Record<string, Check>> = {
  lint,
  promises: lintPromises,
  types: typeCheck,
  'type-fails': checkTypeFails,
  layers: checkLayers,
  mutants: checkMutantPlaces,
  dead: findDeadCode,
  contract: async (of) => {
    const border = [checkBorder(of), await checkKernelReports(of)];
    const parts = [await checkContract(of), ...border, checkPatterns(of)];
    const problems = parts.flatMap((part) => part.problems);
    return { problems, summary: parts.map(({ summary }) => summary).join(' ') };
  },
  api: checkApi,
  walk: checkWalk,
  workflows: checkWorkflows,
  docs: checkDocs,
  prose: checkProse,
  cost: checkCost,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => CHECKS[name] === undefined);
if (unknown.length > 0) {
  console.error(`no check "${unknown.join('", "')}"; there are: ${Object.keys(CHECKS).join(', ')}`);
  process.exit(1);
}
const tally = new Tally((part) => `npm run check -- ${part}`);
for (const [name, check] of Object.entries(CHECKS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  try {
    const { problems, summary } = await check(root);
    tally.report(name, problems.map(describeProblem), summary);
  } catch (error) {
    tally.report(name, (error as Error).message);
  }
}
tally.end('check');
