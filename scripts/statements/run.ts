// `npm run statements` finds what covers each statement, and writes it into docs/statements.md.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeProblem } from '../problem.ts';
import { checkStatements } from './check.ts';
import { findPlaces, PAGE, readPage, refreshed } from './page.ts';

const root: string = fileURLToPath(new URL('../..', import.meta.url));
writeFileSync(join(root, PAGE), refreshed(readPage(root), findPlaces(root)));
const { problems, summary } = checkStatements(root);
for (const problem of problems) console.error(describeProblem(problem));
console.log(summary);
process.exitCode = problems.length === 0 ? 0 : 1;
