// `npm run check:mutants` breaks the sources in each way that scripts/mutants/ lists and runs the test named there,
// which must fail; no file is written. `-- core`: the list of one package; `-- turn-share`: some by a part of the path
// of their source or test; `-- --changed BASE`: those whose source or test differs from the merge base with BASE.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { changedSince, chooseChanged } from './mutants/changed.ts';
import { Laboratory } from './mutants/laboratory.ts';
import { type LocatedMutant, locateMutants } from './mutants/located.ts';
import { describeProblem } from './problem.ts';
import { Tally } from './tally.ts';
import { root } from './workspace.ts';

/** For a test of the sources as they are, also on a machine with much else to do. */
const PATIENCE_MS = 5 * 60_000;
/** For a test with a mutant, which may hang: this time at least, or so many times the time without. */
const [MIN_PATIENCE_MS, TIMES_LONGER] = [10_000, 4];
/** A change of very much leaves the rest of its mutants to the run of all. */
const MAX_CHANGED = 60;

const { values, positionals } = parseArgs({
  options: { changed: { type: 'string' } },
  allowPositionals: true,
});
const tally = new Tally((part) => {
  const [file = ''] = part.split(':');
  return file.endsWith('.ts') ? `npm run check:mutants -- ${file}` : 'npm run check -- mutants';
});

async function choose(): Promise<LocatedMutant[]> {
  const { located, problems } = locateMutants(root);
  for (const problem of problems) {
    tally.report(`${problem.file}:${problem.line}`, describeProblem(problem));
  }
  const asked = located.filter(
    ({ list, sourceFile, testFile }) =>
      positionals.length === 0 ||
      positionals.some((part) => part === list || `${sourceFile} ${testFile}`.includes(part)),
  );
  const base = values.changed;
  if (base === undefined) {
    if (asked.length === 0) tally.report('mutants', `none is of ${positionals.join(' or ')}`);
    return asked;
  }
  const changed = await changedSince(root, base);
  if (typeof changed === 'string') {
    tally.report('changed mutants', [], `all left to the full run: ${changed}`);
    return [];
  }
  const { chosen, left } = chooseChanged(asked, changed, MAX_CHANGED);
  if (chosen.length === 0) tally.report('changed mutants', [], `none since ${base}`);
  if (left.length > 0) {
    const entries = left.map(({ list, line }) => `${list}.txt:${line}`);
    console.log(`left to the full run: ${left.length} mutants, ${entries.join(' ')}`);
  }
  return chosen;
}

const byTest = new Map<string, LocatedMutant[]>();
for (const mutant of await choose()) {
  if (!byTest.has(mutant.testFile)) byTest.set(mutant.testFile, []);
  byTest.get(mutant.testFile)!.push(mutant);
}
const queue = [...byTest].sort(([, a], [, b]) => b.length - a.length);

/** Runs a test on the sources as they are; once more if it fails, as on a busy machine some do now and then. */
async function tryUnbroken(laboratory: Laboratory, test: string) {
  const trial = { test: join(root, test), limitMs: PATIENCE_MS };
  const first = await laboratory.run(trial);
  const hasFailed = first.failed !== undefined || first.broken !== undefined;
  return hasFailed ? laboratory.run(trial) : first;
}

async function tryMutant(laboratory: Laboratory, mutant: LocatedMutant, limitMs: number) {
  const { why, test, place, broken, sourceFile, testFile, list, line } = mutant;
  const entry = `scripts/mutants/${list}.txt:${line}`;
  const result = await laboratory.run({
    test: join(root, testFile),
    limitMs,
    file: join(root, sourceFile),
    source: broken,
  });
  const problem =
    result.broken !== undefined
      ? `${entry} does not run: ${result.broken}`
      : result.failed === undefined
        ? `${entry} lives: ${why}; ${test} passes`
        : [];
  const seconds = (result.tookMs / 1000).toFixed(1);
  tally.report(place, problem, `${why} (${seconds} s)\n      ${result.failed}`);
}

async function work(): Promise<void> {
  const laboratory = new Laboratory(root);
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [test, mutants] = next;
    const { failed, broken = failed, tookMs } = await tryUnbroken(laboratory, test);
    if (broken !== undefined) {
      tally.report(test, `fails on the sources as they are: ${broken}`);
      continue;
    }
    const limitMs = Math.max(MIN_PATIENCE_MS, TIMES_LONGER * tookMs);
    for (const mutant of mutants) await tryMutant(laboratory, mutant, limitMs);
  }
  laboratory.end();
}

const workers = Math.min(4, availableParallelism(), queue.length);
await Promise.all(Array.from({ length: workers }, work));
tally.end('mutants');
process.exit();
