// `npm run fuzz -- SECONDS [--seed N] [--inputs N] [--target TEXT]` feeds every decoder with random input
// for so long: nothing but our own errors may come out, and the same messages and errors however the input
// is cut. Prints its seed and how many inputs passed; exit code 1 and the input at the first fault.
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { ALL_POLICIES, type DecoderTarget } from '../../packages/codec/test/decoder-target.ts';
import { Finding, outcomeOf } from './outcome.ts';
import { Random } from './random.ts';
import { cut, streamFor } from './streams.ts';

/** The list of the property tests: every decoder has one place. */
const TARGETS = new URL('../../packages/codec/test/targets/', import.meta.url);
const REPORT_MS = 60_000;
/** Looking at the clock for every input would cost more than some of the inputs. */
const BATCH = 1000;

export async function loadTargets(wanted?: string): Promise<DecoderTarget[]> {
  const names = readdirSync(fileURLToPath(TARGETS)).filter((name) => name.endsWith('.ts'));
  const modules = await Promise.all(
    names.sort().map((name) => import(new URL(name, TARGETS).href) as Promise<TargetModule>),
  );
  const targets = modules.flatMap((module) => module.targets);
  return wanted === undefined ? targets : targets.filter(({ name }) => name.includes(wanted));
}

interface TargetModule {
  readonly targets: readonly DecoderTarget[];
}

interface Limits {
  readonly untilMs: number;
  readonly inputs: number;
}

/** The targets in turn; a slow one only now and then. */
function pick(targets: readonly DecoderTarget[], turn: number, random: Random): DecoderTarget {
  const target = targets[turn % targets.length]!;
  return random.oneIn(target.oneIn ?? 1) ? target : random.of(targets);
}

/** One stream, whole and cut. */
function tryOne(target: DecoderTarget, random: Random): void {
  const { policies = ALL_POLICIES, cutFree = policies, make } = target;
  const policy = random.of(policies);
  const stream = streamFor(target, random);
  const chunks = target.isFramed === true ? [stream] : cut(stream, random);
  try {
    const whole = outcomeOf(make(policy), [stream], target.isStream);
    const pieces = outcomeOf(make(policy), chunks, target.isStream);
    if (whole !== pieces && cutFree.includes(policy)) {
      throw new Finding(
        `the cut matters:\n  whole ${JSON.stringify(whole)}\n  cut   ${JSON.stringify(pieces)}`,
      );
    }
  } catch (thrown) {
    const reads = chunks.map((chunk) => chunk.toString('hex')).join(' ');
    throw new Finding(`${target.name}, ${policy}, reads ${reads}\n  ${(thrown as Error).message}`, {
      cause: thrown,
    });
  }
}

/** Feeds the targets until a limit is reached; returns how many inputs passed, throws a {@link Finding}. */
export async function fuzz(
  targets: readonly DecoderTarget[],
  seed: number,
  limits: Limits,
): Promise<number> {
  const random = new Random(seed);
  let inputs = 0;
  let reportAt = performance.now() + REPORT_MS;
  while (inputs < limits.inputs) {
    for (let i = 0; i < BATCH && inputs < limits.inputs; i++, inputs++) {
      tryOne(pick(targets, inputs, random), random);
    }
    // What waits for the end of the event, dead references among it, would pile up without one.
    await setImmediate();
    const now = performance.now();
    if (now >= limits.untilMs) break;
    if (now < reportAt) continue;
    console.log(`${inputs} inputs passed so far`);
    reportAt = now + REPORT_MS;
  }
  return inputs;
}

function usage(): never {
  console.error('usage: npm run fuzz -- SECONDS [--seed N] [--inputs N] [--target TEXT]');
  process.exit(1);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      seed: { type: 'string' },
      inputs: { type: 'string' },
      target: { type: 'string' },
    },
    allowPositionals: true,
  });
  const seconds = Number(positionals[0]);
  const inputs = Number(values.inputs ?? Number.POSITIVE_INFINITY);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 0x7fff_ffff));
  if (!(seconds > 0) || !(inputs > 0) || !Number.isInteger(seed)) usage();
  // Nobody looks at the stacks of a million expected errors.
  Error.stackTraceLimit = 0;
  const targets = await loadTargets(values.target);
  if (targets.length === 0) usage();
  console.log(`${targets.length} targets for ${seconds} s, seed ${seed}`);
  try {
    const start = performance.now();
    const passed = await fuzz(targets, seed, { untilMs: start + seconds * 1000, inputs });
    const took = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${passed} inputs passed in ${took} s, seed ${seed}`);
  } catch (thrown) {
    if (!(thrown instanceof Finding)) throw thrown;
    console.error(`${thrown.message}\nagain: npm run fuzz -- ${seconds} --seed ${seed}`);
    process.exitCode = 1;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
