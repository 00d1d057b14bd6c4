// `npm run fuzz -- SECONDS [--seed N] [--rounds N] [--target TEXT]` feeds every decoder with random input for so long, or
// for so many rounds, which are the same on every machine: nothing but
// errors about the input may come out, and the same messages and errors however the input is cut. It also runs random
// programs of writes and ends on connections without a socket (ends.ts). Prints its seed and
// how many inputs passed; exit code 1 and the shortest input at the first fault.
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { expectSameInAnyCut, readsOf } from '../../packages/codec/test/decoder-property.ts';
import { ALL_POLICIES, type DecoderTarget } from '../../packages/codec/test/decoder-target.ts';
import { ENDS, type EndsTarget, fuzzEnds } from './ends.ts';

/** The list of the property tests: every decoder has one place. */
const TARGETS = new URL('../../packages/codec/test/targets/', import.meta.url);
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

type Target = DecoderTarget | EndsTarget;

/** Gives one target its turn; returns how many inputs passed. */
function feedAny(target: Target, seed: number): number | Promise<number> {
  return 'open' in target ? fuzzEnds(target, seed, RUNS) : fuzz(target, seed);
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

/**
 * Gives the targets their turns until the time is over, and one turn to each of them in any case: on a slow machine the
 * first round takes longer than the time. Each round has a seed of its own. Returns how many inputs passed.
 *
 * @param feed - one turn of a target; returns how many inputs passed
 */
export async function fuzzInTurn(
  targets: readonly Target[],
  first: number,
  isOver: (rounds: number) => boolean,
  feed: (target: Target, seed: number) => number | Promise<number> = feedAny,
): Promise<number> {
  let inputs = 0;
  for (let seed = first; seed === first || !isOver(seed - first); seed++) {
    for (const target of targets) {
      if (seed > first && isOver(seed - first)) break;
      try {
        inputs += await feed(target, seed);
      } catch (cause) {
        const text = (cause as Error).message;
        throw new Error(`${text}\nagain: npm run fuzz -- 1 --seed ${seed}`, { cause });
      }
      // What waits for the end of the event, dead references among it, would pile up without one.
      await setImmediate();
    }
  }
  return inputs;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { seed: { type: 'string' }, rounds: { type: 'string' }, target: { type: 'string' } },
    allowPositionals: true,
  });
  const seconds = Number(positionals[0]);
  const first = Number(values.seed ?? Math.floor(Math.random() * 0x7fff_ffff));
  const rounds = Number(values.rounds ?? Number.POSITIVE_INFINITY);
  const { target = '' } = values;
  const ends = ENDS.filter(({ name }) => name.includes(target));
  const targets: readonly Target[] = [...(await loadTargets(target)), ...ends];
  if (!(seconds > 0) || !(rounds > 0) || !Number.isInteger(first) || targets.length === 0) {
    console.error('usage: npm run fuzz -- SECONDS [--seed N] [--rounds N] [--target TEXT]');
    process.exit(1);
  }
  // Nobody looks at the stacks of a million expected errors.
  Error.stackTraceLimit = 0;
  console.log(`${targets.length} targets for ${seconds} s, seed ${first}`);
  const untilMs = performance.now() + seconds * 1000;
  const isOver = (done: number): boolean => done >= rounds || performance.now() >= untilMs;
  const inputs = await fuzzInTurn(targets, first, isOver);
  console.log(`${inputs} inputs passed`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main().catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
