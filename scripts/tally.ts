// Each check prints a line for each of its parts, and gives its counts to whatever started it.
import { appendFileSync } from 'node:fs';
import { run } from './program.ts';

export class Tally {
  passed = 0;
  failed = 0;

  /** Counts a part and prints its line, below what is wrong with it. Returns true if nothing is. */
  report(name: string, problems: string | readonly string[] = [], words = ''): boolean {
    const all = [problems].flat();
    for (const problem of all) console.error(problem);
    const ok = all.length === 0;
    if (ok) this.passed += 1;
    else this.failed += 1;
    if (ok) console.log(`ok    ${name}${words && `: ${words}`}`);
    else console.error(`FAIL  ${name}`);
    return ok;
  }

  /** A part that fails by throwing. Its line has the seconds that it took, which are returned if it did not fail. */
  async step(name: string, work: () => unknown): Promise<number | undefined> {
    const began = performance.now();
    let problem: string[] = [];
    try {
      await work();
    } catch (error) {
      problem = [(error as Error).message];
    }
    const seconds = (performance.now() - began) / 1000;
    return this.report(name, problem, `${seconds.toFixed(1)} s`) ? seconds : undefined;
  }

  /** A part that is one command; of a failed one its whole output is printed. */
  async command(
    name: string,
    command: string,
    args: readonly string[],
    cwd: string,
  ): Promise<boolean> {
    const { ok, output } = await run(command, args, cwd);
    return this.report(name, ok ? [] : `${output}\n${command} ${args.join(' ')}`);
  }

  /** Prints the counts and leaves them to `.ci/run`; a check in which nothing passed has failed. */
  end(title: string): void {
    const { passed, failed } = this;
    const file = process.env['HEADRACE_TEST_COUNTS'];
    if (file !== undefined) appendFileSync(file, `${passed} ${failed}\n`);
    console.log(`${title}: ${passed} passed, ${failed} failed`);
    process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  }
}
