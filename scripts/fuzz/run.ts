// `npm run fuzz -- SECONDS [--seed N] [--target TEXT]` feeds every decoder with random input for so long: nothing but
// errors about the input may come out, and the same messages and errors however the input is cut. Prints its seed and
// how many inputs and targets passed; exit code 1 and the shortest input at the first fault.
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { expectSameInAnyCut, readsOf } from '../../packages/codec/test/decoder-property.ts';
import { ALL_POLICIES, type DecoderTarget } from '../../packages/codec/test/decoder-target.ts';

/** The list of the property tests: every decoder has one place. */
const TARGETS = new URL('../../packages/codec/test/targets/', import.meta.url);
const REPORT_MS = 60_000;
/** Of one target, before the next one has its turn. */
const RUNS = 200;

export async function loadTargets(wanted = ''): Promise<DecoderTarget[]> {
  const names = readdirSync(fileURLToPath(TARGETS)).filter((name) => name.endsWith('.ts'));
  const modules = await Promise.all(
    names.sort().map((name) => import(new URL(name, TARGETS).href) as Promise<TargetModule>),
  );
  return modules.flatMap(({ targets }) => targets).filter(({ name }) => name.includes(wanted));
}

interface TargetModule {
  readonly targets: readonly DecoderTarget[];
}

/** Feeds one target; returns how many inputs passed, throws with the shortest input that it found. */
export function fuzz(target: DecoderTarget, seed: number, runs = RUNS): number {
  const { policies = ALL_POLICIES, oneIn = 1 } = target;
  const numRuns = Math.ceil(runs / oneIn);
  const property = fc.property(readsOf(target), fc.constantFrom(...policies), (reads, policy) =>
    expectSameInAnyCut(target, policy, reads),
  );
  fc.assert(property, {
    seed,
    numRuns,
    reporter: (run) => {
      if (!run.failed || run.counterexample === null) return;
      const [reads, policy] = run.counterexample;
      const hex = reads.map((read) => read.toString('hex')).join(' ');
      const cause = run.errorInstance;
      throw new Error(`${target.name}, ${policy}, reads ${hex}\n  ${(cause as Error).message}`, {
        cause,
      });
    },
  });
  return numRuns;
}

/** How far a run came. */
export interface FuzzProgress {
  /** That passed. */
  readonly inputs: number;
  /** Targets that had a turn. */
  readonly fed: number;
}

/**
 * Gives the targets their turns until the time is over, and one turn to each of them in any case: on a slow machine the
 * first round takes longer than the time. Each round has a seed of its own.
 *
 * @param feed - one turn of a target; returns how many inputs passed
 */
export async function* fuzzInTurn(
  targets: readonly DecoderTarget[],
  first: number,
  isOver: () => boolean,
  feed: (target: DecoderTarget, seed: number) => number = fuzz,
): AsyncGenerator<FuzzProgress> {
  let inputs = 0;
  for (let turn = 0; turn < targets.length || !isOver(); turn++) {
    const seed = first + Math.floor(turn / targets.length);
    try {
      inputs += feed(targets[turn % targets.length]!, seed);
    } catch (cause) {
      const text = (cause as Error).message;
      throw new Error(`${text}\nagain: npm run fuzz -- 1 --seed ${seed}`, { cause });
    }
    // What waits for the end of the event, dead references among it, would pile up without one.
    await setImmediate();
    yield { inputs, fed: Math.min(turn + 1, targets.length) };
  }
}

function usage(): never {
  console.error('usage: npm run fuzz -- SECONDS [--seed N] [--target TEXT]');
  process.exit(1);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { seed: { type: 'string' }, target: { type: 'string' } },
    allowPositionals: true,
  });
  const seconds = Number(positionals[0]);
  const first = Number(values.seed ?? Math.floor(Math.random() * 0x7fff_ffff));
  const targets = await loadTargets(values.target);
  if (!(seconds > 0) || !Number.isInteger(first) || targets.length === 0) usage();
  // Nobody looks at the stacks of a million expected errors.
  Error.stackTraceLimit = 0;
  const start = performance.now();
  const untilMs = start + seconds * 1000;
  const isOver = () => performance.now() >= untilMs;
  let reportAt = start + REPORT_MS;
  let done: FuzzProgress = { inputs: 0, fed: 0 };
  console.log(`${targets.length} targets for ${seconds} s, seed ${first}`);
  try {
    for await (done of fuzzInTurn(targets, first, isOver)) {
      if (performance.now() < reportAt) continue;
      console.log(`${done.inputs} inputs passed so far`);
      reportAt += REPORT_MS;
    }
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
  const took = ((performance.now() - start) / 1000).toFixed(1);
  const count = `${done.fed} of ${targets.length} targets`;
  console.log(`${done.inputs} inputs passed in ${took} s, ${count}`);
  if (done.fed < targets.length) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
