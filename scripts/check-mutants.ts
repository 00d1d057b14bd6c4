// `npm run check:mutants` breaks the sources in each way that scripts/mutants/ lists and runs the test named there,
// which must fail; no file is written. `-- core`: the list of one package; `-- turn-share`: some by their file.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LocatedMutant, locateMutants } from './mutants/located.ts';
import type { Trial, TrialResult } from './mutants/trial.ts';
import { describeProblem } from './problem.ts';
import { Tally } from './tally.ts';
import { root } from './workspace.ts';

/** A test that a mutant has made to hang ends with its process. */
const PATIENCE_MS = 45_000;

const tally = new Tally();
const byTest = new Map<string, Array<{ mutant: LocatedMutant; trial: Trial }>>();
const asked = process.argv.slice(2);
const isAsked = ({ list, file }: LocatedMutant): boolean =>
  asked.length === 0 || asked.some((part) => part === list || file.includes(part));

const { located, problems } = await locateMutants(root);
for (const problem of problems) tally.report('mutants', describeProblem(problem));
for (const mutant of located.filter(isAsked)) {
  const { testFile: test, sourceFile: file, broken: source } = mutant;
  if (!byTest.has(test)) byTest.set(test, []);
  byTest.get(test)!.push({ mutant, trial: { test, file, source } });
}

/** A process with a warm vitest. */
class Laboratory {
  private child = this.start();

  private start() {
    const module = fileURLToPath(new URL('mutants/trial.ts', import.meta.url));
    // A group of its own: a hanging worker ends with it.
    const child = fork(module, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: true,
    });
    return { child, ready: Promise.race([once(child, 'message'), once(child, 'exit')]) };
  }

  async run(trial: Trial): Promise<TrialResult> {
    const { child, ready } = this.child;
    await ready;
    child.send(trial);
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
    const { signal } = patience;
    try {
      const [result] = await Promise.race([
        once(child, 'message', { signal }),
        once(child, 'exit', { signal }),
      ]);
      if (typeof result === 'object' && result !== null) return result;
      this.child = this.start();
      return { failed: `the process ended with ${result}` };
    } catch {
      this.end();
      this.child = this.start();
      return { failed: `it hangs: nothing for ${PATIENCE_MS / 1000} s` };
    } finally {
      clearTimeout(timer);
      patience.abort();
    }
  }

  end(): void {
    process.kill(-this.child.child.pid!, 'SIGKILL');
  }
}

const queue = [...byTest].sort(([, a], [, b]) => b.length - a.length);

async function work(): Promise<void> {
  const laboratory = new Laboratory();
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [test, trials] = next;
    const { failed, broken = failed } = await laboratory.run({ test });
    if (broken !== undefined) {
      tally.report(relative(root, test), `fails on the sources as they are: ${broken}`);
      continue;
    }
    for (const { mutant, trial } of trials) {
      const began = performance.now();
      const result = await laboratory.run(trial);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      const { why, test: name, place } = mutant;
      const problem =
        result.broken !== undefined
          ? `does not run: ${result.broken}`
          : result.failed === undefined
            ? `lives: ${why}; ${name} passes`
            : [];
      tally.report(place, problem, `${why} (${seconds} s)\n      ${result.failed}`);
    }
  }
  laboratory.end();
}

await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, work));
tally.end('mutants');
process.exit();
