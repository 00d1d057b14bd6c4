// `npm run bench:compare -- REV_A REV_B [PART…]` runs the micro-benchmarks on two commits, in turn, each in a
// fresh process, and compares the medians of all rounds. The benchmarks are those of this checkout for both.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineText } from './harness/machine.ts';
import { short, spreadOf } from './harness/statistics.ts';
import { microFiles, runMicro } from './micro.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const PACKAGES = ['core', 'codec', 'handlers', 'client', 'cluster'];

/** A commit's packages, built, in a folder of their own, with the benchmarks of this checkout. */
function checkout(revision: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-compare-'));
  const archive = join(folder, 'source.tar');
  execFileSync('git', ['archive', '-o', archive, revision], { cwd: root });
  execFileSync('tar', ['-xf', archive], { cwd: folder });
  rmSync(join(folder, 'benchmarks'), { recursive: true, force: true });
  for (const part of ['micro', 'servers']) {
    cpSync(join(root, 'benchmarks', part), join(folder, 'benchmarks', part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  linkModules(join(root, 'benchmarks'), join(folder, 'benchmarks'));
  const packages = PACKAGES.filter((name) => existsSync(join(folder, 'packages', name)));
  for (const name of packages) {
    linkModules(join(root, 'packages', name), join(folder, 'packages', name));
  }
  const projects = packages.map((name) => join(folder, 'packages', name));
  execFileSync(join(root, 'node_modules/.bin/tsc'), ['-b', ...projects], { stdio: 'inherit' });
  return folder;
}

/** A package's node_modules are links: copied as they are, those to our own packages lead into the new folder. */
function linkModules(from: string, to: string): void {
  const modules = join(from, 'node_modules');
  if (!existsSync(modules)) return;
  const options = { recursive: true, verbatimSymlinks: true };
  cpSync(modules, join(to, 'node_modules'), options);
}

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' } },
});
const [revisionA, revisionB, ...parts] = positionals;
if (revisionA === undefined || revisionB === undefined) {
  console.error(
    'usage: npm run bench:compare -- REV_A REV_B [part of a name of benchmarks/micro …] [--rounds 5]',
  );
  process.exit(1);
}
const folders = [checkout(revisionA), checkout(revisionB)] as const;
try {
  const files = microFiles()
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .filter((file) => runsOn(folders[0], file, revisionA) && runsOn(folders[1], file, revisionB));
  compare(folders, files, Number(values.rounds));
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** A commit may lack what a benchmark of this checkout measures. */
function runsOn(folder: string, file: string, revision: string): boolean {
  try {
    runMicro(join(folder, 'benchmarks/micro', file), 1);
    return true;
  } catch (error) {
    const [, missing = 'it does not run there'] =
      /^Error.*?: (.*)$/m.exec(String((error as { stderr?: unknown }).stderr)) ?? [];
    console.log(`skip  ${file} on ${revision}: ${missing}`);
    return false;
  }
}

function compare(sides: readonly [string, string], files: readonly string[], rounds: number): void {
  console.log(
    `${machineText()}\nA is ${revisionA}, B is ${revisionB}; medians of ${rounds} rounds\n`,
  );
  for (const file of files) {
    const medians = new Map<string, [number[], number[]]>();
    for (let round = 0; round < rounds; round += 1) {
      // The one that comes first in a round comes second in the next.
      const order = round % 2 === 0 ? [0, 1] : [1, 0];
      for (const side of order) {
        for (const { name, unit, values: measured } of runMicro(
          join(sides[side]!, 'benchmarks/micro', file),
          3,
        )) {
          const key = `${name} (${unit})`;
          if (!medians.has(key)) medians.set(key, [[], []]);
          medians.get(key)![side]!.push(spreadOf(measured).median);
        }
      }
    }
    for (const [name, [a, b]] of medians) printLine(name, a, b);
  }
}

function printLine(name: string, a: readonly number[], b: readonly number[]): void {
  const ratios = a.map((value, i) => (b[i] ?? Number.NaN) / value);
  const { median, min, max } = spreadOf(ratios);
  const figures = `A ${short(spreadOf(a).median)}  B ${short(spreadOf(b).median)}`;
  console.log(`${name}\n    ${figures}  B/A ${short(median)} [${short(min)}, ${short(max)}]`);
}
