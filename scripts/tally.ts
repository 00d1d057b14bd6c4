// Each check prints a line for each of its parts, and gives its counts to whatever started it.
import { noteInReport } from './ci/report.ts';
import { run } from './program.ts';

/** The first lines of a problem, for the end of a long run. */
const LINES_IN_REPORT = 6;

/** The script of package.json that was started, as it was. */
function asStarted(): string {
  const args = process.argv.slice(2);
  const rest = args.length === 0 ? [] : ['--', ...args];
  return ['npm run', process.env['npm_lifecycle_event'] ?? 'check', ...rest].join(' ');
}

export class Tally {
  passed = 0;
  failed = 0;
  private readonly again: (part: string) => string;

  /** @param again - the command that repeats one part */
  constructor(again: (part: string) => string = asStarted) {
    this.again = again;
  }

  /** Counts a part and prints its line, below what is wrong with it. Returns true if nothing is. */
  report(name: string, problems: string | readonly string[] = [], words = ''): boolean {
    const all = [problems].flat();
    for (const problem of all) console.error(problem);
    const ok = all.length === 0;
    if (ok) this.passed += 1;
    else {
      this.failed += 1;
      const message = all.join('\n').split('\n').slice(0, LINES_IN_REPORT).join('\n');
      noteInReport({ failure: { name, message, again: this.again(name) } });
    }
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

  /** Says something that does not fail a check, but may soon: a budget that is nearly used up. */
  warn(text: string): void {
    console.log(`warn  ${text}`);
    noteInReport({ warning: text });
  }

  /** Prints the counts and leaves them to `.ci/run`; a check in which nothing passed has failed. */
  end(title: string): void {
    const { passed, failed } = this;
    noteInReport({ passed, failed });
    console.log(`${title}: ${passed} passed, ${failed} failed`);
    process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  }
}
