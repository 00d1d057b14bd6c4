import { fileURLToPath } from 'node:url';
import { run } from '../packed-packages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export const counts = { passed: 0, failed: 0 };

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
