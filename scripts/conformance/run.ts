// `npm run conformance -- DIR [FAMILY…]` runs every vector file in DIR through our classes and prints one
// line per family. Exit code 1 if a case failed or a file could not be read.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { FAMILIES } from './families.ts';
import type { CaseResult, Family } from './family.ts';

/** How many failures of one family are printed in full. */
const DETAILED_FAILURES = 5;

const VECTORS = z.object(
  {
    family: z.string('must be a name').regex(/^[a-z0-9][a-z0-9-]*$/, 'must be a name'),
    cases: z.array(z.unknown(), 'must be a list').min(1, 'must have cases to compare'),
  },
  'must be an object',
);

interface VectorFile extends z.infer<typeof VECTORS> {
  readonly path: string;
}

/** A vector file, `undefined` for JSON of another kind, or what is wrong with it. */
type Loaded = VectorFile | undefined | Error;

class Tally {
  passed = 0;
  failed = 0;
  skipped = 0;
  readonly reasons = new Set<string>();

  add(result: CaseResult, where: string): void {
    this[result.outcome] += 1;
    if (result.outcome === 'skipped') this.reasons.add(result.reason);
    if (result.outcome !== 'failed') return;
    if (this.failed <= DETAILED_FAILURES) console.error(`${where}: ${result.detail}`);
    else if (this.failed === DETAILED_FAILURES + 1) console.error('(further failures not shown)');
  }

  line(family: string): string {
    return `${family}: ${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`;
  }
}

function load(path: string): Loaded {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    return new Error(`${path}: cannot be read as JSON: ${(error as Error).message}`);
  }
  const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isPlain && !('family' in (value as object))) return undefined;
  const { data, error } = VECTORS.safeParse(value);
  if (error === undefined) return { path, ...data };
  return new Error(`${path}: not a vector file: ${z.prettifyError(error)}`);
}

function runCase(run: Family, testCase: unknown): CaseResult {
  if (typeof testCase !== 'object' || testCase === null) {
    return { outcome: 'failed', detail: 'the case is not an object' };
  }
  if ('unportable' in testCase && testCase.unportable !== false) {
    return { outcome: 'skipped', reason: `unportable: ${String(testCase.unportable)}` };
  }
  try {
    return run(testCase);
  } catch (thrown) {
    const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { outcome: 'failed', detail };
  }
}

function runFile({ path, family, cases }: VectorFile, tally: Tally): void {
  const run = FAMILIES.get(family);
  for (const [index, testCase] of cases.entries()) {
    const result: CaseResult =
      run === undefined
        ? { outcome: 'skipped', reason: `no family ${family} here` }
        : runCase(run, testCase);
    tally.add(result, `${path} case ${index}`);
  }
}

/** Runs all vector files of a folder; returns the exit code. */
export function runConformance(folder: string, only: readonly string[]): number {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    console.error(`${folder}: cannot be read: ${(error as Error).message}`);
    return 1;
  }
  let isBad = false;
  const tallies = new Map<string, Tally>();
  for (const name of names.sort()) {
    const file = load(join(folder, name));
    if (file instanceof Error) {
      console.error(file.message);
      isBad = true;
    }
    if (file === undefined || file instanceof Error) continue;
    if (only.length > 0 && !only.includes(file.family)) continue;
    const tally = tallies.get(file.family) ?? new Tally();
    tallies.set(file.family, tally);
    runFile(file, tally);
  }
  for (const [family, tally] of tallies) {
    console.log(tally.line(family));
    for (const reason of tally.reasons)
      if (!reason.startsWith('unportable')) {
        console.error(`${family}: skipped: ${reason}`);
      }
    if (tally.failed > 0) isBad = true;
  }
  if (tallies.size === 0) {
    console.error(`${folder}: no vector file (*.json with a "family") in it`);
    isBad = true;
  }
  return isBad ? 1 : 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [folder, ...only] = process.argv.slice(2);
  if (folder === undefined) {
    console.error('usage: npm run conformance -- DIR [FAMILY…]');
    process.exitCode = 1;
  } else process.exitCode = runConformance(folder, only);
}
