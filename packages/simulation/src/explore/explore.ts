import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import {
  checkNumber,
  describeOptions,
  fn,
  number,
  type Resolved,
  toError,
  unchecked,
  whole,
} from '@headrace/core/authoring';
import { beginRun } from '../host/running-code.ts';
import { forbidCalls } from '../watch/forbidden-calls.ts';
import { type Fault, faultText } from '../world/fault-plan.ts';
import { Simulation, type SimulationOptions } from '../world/simulation.ts';
import { sequenceDiagram } from './sequence-diagram.ts';

/**
 * A function that creates hosts, plans faults, runs the simulation and checks the result. If it throws, the scenario fails.
 */
export type Scenario = (sim: Simulation) => unknown;

/** Options of {@link explore}. */
export interface ExploreOptions {
  readonly scenario: Scenario;
  /** Number of seeds to run, starting with `firstSeed`. @default 100 */
  readonly seeds?: number;
  /** First seed to run. @default 1 */
  readonly firstSeed?: number;
  /** Real time in milliseconds after which no further seed starts. @default no limit */
  readonly timeMs?: number;
  /** Options of each simulation, except the seed. @default none */
  readonly simulation?: Omit<SimulationOptions, 'seed' | 'omit'>;
  /**
   * Virtual time that {@link Simulation.verify} waits after each scenario, in milliseconds. `false` skips the check.
   * @default 120000
   */
  readonly settleMs?: number | false;
  /** File for the diagram of a failure. @default a new folder for temporary files */
  readonly diagramFile?: string;
}

const OPTIONS = describeOptions('explore', {
  scenario: fn({ answers: 'async', required: true }),
  seeds: whole({ min: 1, max: 1e9, default: 100 }),
  firstSeed: whole({ max: Number.MAX_SAFE_INTEGER, default: 1 }),
  timeMs: number({ default: Infinity }),
  simulation: unchecked(),
  settleMs: unchecked({ default: 120_000 }),
  diagramFile: unchecked(),
});
type Settings = Resolved<ExploreOptions, typeof OPTIONS.kinds>;
/** Number of last trace lines that a failure shows, as text and as a diagram. */
const LAST_LINES = 40;

/** The result of {@link explore}. */
export interface Explored {
  /** Number of seeds that ran. */
  readonly seeds: number;
  /** Virtual time of all runs together, in milliseconds. */
  readonly virtualMs: number;
}

/** The error for a seed with which a scenario fails. Its message is the report. */
export class ExploreError extends Error {
  override readonly name = 'ExploreError';
  /** The seed that fails. */
  readonly seed: number;
  /** The smallest set of faults that was found with which the scenario fails. */
  readonly faults: readonly Fault[];
  readonly diagramFile: string;

  /** @internal */
  constructor(report: string, failed: Failed, diagramFile: string) {
    super(report, { cause: failed.error });
    this.seed = failed.sim.seed;
    this.faults = faultsOf(failed);
    this.diagramFile = diagramFile;
  }
}

interface Run {
  readonly sim: Simulation;
  readonly error: Error | undefined;
  readonly omit: ReadonlySet<number>;
}

type Failed = Run & { readonly error: Error };

/**
 * Runs a scenario with one seed after another, in any test runner. When a seed fails, `explore` removes faults as long as the
 * scenario still fails. Then it rejects with a report: the seed, the smallest list of faults, the last events, and the file
 * of a sequence diagram. `HEADRACE_SEED=17` in the environment runs only that seed.
 *
 * @example
 * ```ts
 * it('survives chaos', () => explore({ seeds: 500, scenario: chatUnderChaos }));
 * ```
 * @throws ExploreError
 */
export async function explore(given: ExploreOptions): Promise<Explored> {
  const options = OPTIONS.resolve(given);
  const seeds = seedsOf(options);
  // The start and the end take some ms. Doing both here saves that time in each run.
  const allow = forbidCalls(() => {});
  const endRuns = beginRun();
  try {
    return await runSeeds(options, seeds);
  } finally {
    endRuns();
    allow();
  }
}

async function runSeeds(options: Settings, seeds: readonly number[]): Promise<Explored> {
  const endAt = performance.now() + options.timeMs;
  let count = 0;
  let virtualMs = 0;
  for (const seed of seeds) {
    if (count > 0 && performance.now() >= endAt) break;
    const run = await runSeed(options, seed, NONE);
    if (run.error !== undefined) throw await report(options, { ...run, error: run.error });
    count += 1;
    virtualMs += run.sim.now;
  }
  return { seeds: count, virtualMs };
}

const NONE: ReadonlySet<number> = new Set();

function seedsOf({ seeds, firstSeed }: Settings): number[] {
  const { HEADRACE_SEED } = process.env;
  if (HEADRACE_SEED === undefined || HEADRACE_SEED === '') {
    return Array.from({ length: seeds }, (_, index) => firstSeed + index);
  }
  const only = Number(HEADRACE_SEED);
  return [checkNumber('HEADRACE_SEED', only, { max: Number.MAX_SAFE_INTEGER, integer: true })];
}

async function runSeed(
  { scenario, simulation, settleMs }: Settings,
  seed: number,
  omit: ReadonlySet<number>,
): Promise<Run> {
  const sim = new Simulation({ ...simulation, seed, omit });
  try {
    await scenario(sim);
    sim.checkHasRun();
    if (settleMs !== false) await sim.verify(settleMs);
    return { sim, error: undefined, omit };
  } catch (thrown) {
    return { sim, error: toError(thrown), omit };
  }
}

/** Omits halves, quarters and at last single faults, as long as the scenario still fails. */
async function shrink(options: Settings, failed: Failed): Promise<Failed> {
  let smallest = failed;
  let size = Math.ceil(failed.sim.faults.length / 2);
  while (size >= 1) {
    let hasShrunk = false;
    const left = indexesOf(smallest);
    for (let start = 0; start < left.length; start += size) {
      const omit = new Set([...smallest.omit, ...left.slice(start, start + size)]);
      const run = await runSeed(options, failed.sim.seed, omit);
      if (run.error === undefined) continue;
      smallest = { ...run, error: run.error };
      hasShrunk = true;
    }
    if (size === 1 && !hasShrunk) break;
    if (size > 1) size = Math.ceil(size / 2);
  }
  return smallest;
}

function indexesOf({ sim, omit }: Failed): number[] {
  return sim.faults.map((_, index) => index).filter((index) => !omit.has(index));
}

function faultsOf(failed: Failed): Fault[] {
  return indexesOf(failed).map((index) => failed.sim.faults[index]!);
}

async function report(options: Settings, first: Failed): Promise<ExploreError> {
  const failed = await shrink(options, first);
  const { sim, error } = failed;
  const faults = faultsOf(failed);
  const file =
    options.diagramFile ?? join(mkdtempSync(join(tmpdir(), 'headrace-')), `seed-${sim.seed}.svg`);
  const title = `seed ${sim.seed}: ${error.message.split('\n')[0]}`;
  writeFileSync(file, sequenceDiagram(sim.trace.entries.slice(-LAST_LINES), title));
  const lines = [
    `seed ${sim.seed} fails: ${error.message}`,
    '',
    faults.length === 0
      ? `it fails without any of its ${sim.faults.length} faults`
      : `it takes these of its ${sim.faults.length} faults:`,
    ...faults.map((fault) => `  ${faultText(fault)}`),
    '',
    'the last moments:',
    sim.trace.text(LAST_LINES),
    '',
    `the sequence diagram: ${file}`,
    `to run it again: HEADRACE_SEED=${sim.seed}`,
  ];
  return new ExploreError(lines.join('\n'), failed, file);
}
