import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Outcome {
  readonly ok: boolean;
  /** Standard output and standard error. */
  readonly output: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

export const counts = { passed: 0, failed: 0 };

export function run(command: string, args: readonly string[], cwd: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', npm_config_yes: 'true' },
      shell: process.platform === 'win32',
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output: output.trimEnd() }));
  });
}

/** Counts a check and prints its line; of a failed one what is wrong, too. */
export function report(name: string, problem: string | undefined): boolean {
  const ok = problem === undefined;
  if (ok) counts.passed += 1;
  else counts.failed += 1;
  if (ok) console.log(`ok    ${name}`);
  else console.error(`${problem}\nFAIL  ${name}`);
  return ok;
}

/** Runs one command as a named check and prints one line, or its whole output when it failed. */
export async function step(
  name: string,
  command: string,
  args: readonly string[],
  cwd = root,
): Promise<boolean> {
  const { ok, output } = await run(command, args, cwd);
  return report(name, ok ? undefined : `${output}\n${command} ${args.join(' ')}`);
}
