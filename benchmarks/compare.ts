// `npm run bench:compare -- REV_A REV_B [PART…]` runs the micro-benchmarks and the work of cost/rows.ts on two commits, in
// turn, each in a fresh process, and compares the medians of all rounds. Both run the benchmarks of this checkout.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measure } from './cost/measure.ts';
import { ROWS, type Row } from './cost/rows.ts';
import { machineText } from './harness/machine.ts';
import { buildPackages, packagesIn } from './harness/packages.ts';
import { short, spreadOf } from './harness/statistics.ts';
import { microFiles, runMicro } from './micro.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A commit's packages, built, in a folder of their own, with the benchmarks of this checkout. */
function checkout(revision: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-compare-'));
  const archive = join(folder, 'source.tar');
  execFileSync('git', ['archive', '-o', archive, revision], { cwd: root });
  execFileSync('tar', ['-xf', archive], { cwd: folder });
  rmSync(join(folder, 'benchmarks'), { recursive: true, force: true });
  for (const part of ['micro', 'servers', 'load']) {
    cpSync(join(root, 'benchmarks', part), join(folder, 'benchmarks', part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  linkModules(join(root, 'benchmarks'), join(folder, 'benchmarks'));
  for (const name of packagesIn(folder)) {
    linkModules(join(root, 'packages', name), join(folder, 'packages', name));
  }
  buildPackages(folder);
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
  console.error('usage: npm run bench:compare -- REV_A REV_B [part of a name …] [--rounds 5]');
  process.exit(1);
}
const folders = [checkout(revisionA), checkout(revisionB)] as const;
try {
  const isWanted = (name: string) =>
    parts.length === 0 || parts.some((part) => name.includes(part));
  const benchmarks = [...microFiles().map(microOf), ...ROWS.map(workOf)];
  const wanted = benchmarks.filter(({ name }) => isWanted(name));
  console.log(
    `${machineText()}\nA is ${revisionA}, B is ${revisionB}; medians of ${values.rounds} rounds\n`,
  );
  for (const benchmark of wanted) await compare(folders, benchmark, Number(values.rounds));
} finally {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** What runs on both commits. */
interface Benchmark {
  readonly name: string;
  /** The figures of one run, by name and unit. */
  run(folder: string, rounds: number): Map<string, number> | Promise<Map<string, number>>;
}

function microOf(file: string): Benchmark {
  return {
    name: file,
    run(folder, rounds) {
      const measured = runMicro(join(folder, 'benchmarks/micro', file), rounds);
      return new Map(
        measured.map((each) => [`${each.name} (${each.unit})`, spreadOf(each.values).median]),
      );
    },
  };
}

/** Work over sockets, or of both ends in one process. */
function workOf(row: Row): Benchmark {
  return {
    name: row.name,
    async run(folder) {
      const benchmarks = join(folder, 'benchmarks');
      const { cpu, kept, full } = await measure(row, { benchmarks, asItRuns: true });
      const figures = { 'us of CPU': cpu, 'bytes kept': kept, 'full collections': full };
      return new Map(
        Object.entries(figures).flatMap(([unit, value]) =>
          value === undefined ? [] : [[`${row.name} (${unit})`, value] as const],
        ),
      );
    },
  };
}

/** A commit may lack what a benchmark of this checkout measures: it is skipped then. */
async function compare(
  sides: readonly [string, string],
  { name, run }: Benchmark,
  rounds: number,
): Promise<void> {
  const medians = new Map<string, [number[], number[]]>();
  try {
    for (const side of sides) await run(side, 1);
    for (let round = 0; round < rounds; round += 1) {
      // The one that comes first in a round comes second in the next.
      const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
      for (const side of order) {
        for (const [key, value] of await run(sides[side], 3)) {
          if (!medians.has(key)) medians.set(key, [[], []]);
          medians.get(key)![side].push(value);
        }
      }
    }
  } catch (error) {
    const { stderr, message } = error as { readonly stderr?: unknown; readonly message: string };
    const [, missing = message.split('\n')[0]] = /^Error.*?: (.*)$/m.exec(String(stderr)) ?? [];
    console.log(`skip  ${name}: ${missing}`);
    return;
  }
  for (const [key, [a, b]] of medians) printLine(key, a, b);
}

function printLine(name: string, a: readonly number[], b: readonly number[]): void {
  const ratios = a.map((value, i) => (value === b[i] ? 1 : (b[i] ?? Number.NaN) / value));
  const { median, min, max } = spreadOf(ratios);
  const figures = `A ${short(spreadOf(a).median)}  B ${short(spreadOf(b).median)}`;
  console.log(`${name}\n    ${figures}  B/A ${short(median)} [${short(min)}, ${short(max)}]`);
}
