// `npm run check` runs every check of the sources; `npm run check -- layers docs` runs some.
import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { checkApi } from './api-report/report.ts';
import { checkContract } from './check-contract.ts';
import { checkDocs } from './check-docs.ts';
import { checkLayers } from './check-layers.ts';
import { checkSizes } from './check-sizes.ts';
import { checkTypeFails } from './check-type-fails.ts';
import { type Check, describeProblem } from './problem.ts';
import { findDeadCode, lint, lintPromises, typeCheck } from './tools.ts';
import { checkWalk } from './walk/check.ts';

const CHECKS: Readonly<Record<string, Check>> = {
  lint,
  promises: lintPromises,
  types: typeCheck,
  'type-fails': checkTypeFails,
  layers: checkLayers,
  dead: findDeadCode,
  contract: checkContract,
  api: checkApi,
  sizes: checkSizes,
  walk: checkWalk,
  docs: checkDocs,
};

const root = fileURLToPath(new URL('..', import.meta.url));
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => CHECKS[name] === undefined);
if (unknown.length > 0) {
  console.error(`no check "${unknown.join('", "')}"; there are: ${Object.keys(CHECKS).join(', ')}`);
  process.exit(1);
}

let passed = 0;
let failed = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const { problems, warnings = [], summary } = await check(root);
  for (const warning of warnings) console.log(`warn  ${name}: ${describeProblem(warning)}`);
  if (problems.length === 0) {
    passed += 1;
    console.log(`ok    ${name}: ${summary}`);
    continue;
  }
  failed += 1;
  for (const problem of problems) console.error(describeProblem(problem));
  console.error(`FAIL  ${name}: ${problems.length} problem${problems.length === 1 ? '' : 's'}`);
}

const counts = process.env['HEADRACE_TEST_COUNTS'];
if (counts !== undefined) appendFileSync(counts, `${passed} ${failed}\n`);
process.exitCode = failed === 0 ? 0 : 1;
