// The hot parts on their own, without sockets; each in a fresh process.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pinned } from './harness/machine.ts';
import { HEADRACE, type Result } from './harness/report.ts';
import type { Settings } from './settings.ts';

const folder: string = fileURLToPath(new URL('./micro/', import.meta.url));
const HELPERS = ['measure.mjs', 'null-channel.mjs', 'revision.mjs'];
/** Nothing is collected while garbage is counted. */
const HUGE_YOUNG_GENERATION = [
  '--expose-gc',
  '--max-semi-space-size=512',
  '--min-semi-space-size=512',
];

interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly goal?: number;
}

/** Runs the micro-benchmarks of a checkout: `root` is where it lies. */
export function runMicro(path: string, rounds: number): Measured[] {
  const flags = path.includes('allocation') ? HUGE_YOUNG_GENERATION : [];
  const [program, ...args] = pinned(0, [process.execPath, ...flags, path]);
  const env = { ...process.env, BENCH_ROUNDS: String(rounds) };
  const output = execFileSync(program!, args, { encoding: 'utf8', env, stdio: 'pipe' });
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Measured);
}

export function microFiles(): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.mjs') && !HELPERS.includes(name));
}

export async function micro(settings: Settings): Promise<Result[]> {
  return microFiles().flatMap((file) =>
    runMicro(`${folder}${file}`, settings.rounds + 2).map(({ name, unit, values, goal }) => ({
      title: name,
      unit,
      rows: [{ peer: HEADRACE, values }],
      goals: goal === undefined ? [] : [{ text: unit, atMost: goal }],
    })),
  );
}
