// `npm run site` builds the site into site/dist; `npm run site -- dev` serves it while one writes.
import { fileURLToPath } from 'node:url';
import { buildSite, serveSite } from './build.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [what = 'build'] = process.argv.slice(2);
if (what === 'dev') {
  serveSite(root);
} else if (what === 'build') {
  const began = Date.now();
  const problems = buildSite(root);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  console.log(`site/dist is there after ${Math.round((Date.now() - began) / 1000)} s`);
} else {
  console.error(`no command "${what}"; there are: build, dev`);
  process.exitCode = 1;
}
