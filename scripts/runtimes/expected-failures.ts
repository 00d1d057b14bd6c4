// docs/runtimes.md lists what does not work where; the trials must fail exactly there.
import { readFileSync } from 'node:fs';

/** `Bun: a session is resumed`: the trials that the table of the page names. */
export function expectedFailures(page: string): Set<string> {
  const rows = readFileSync(page, 'utf8').matchAll(/^\| (Node|Bun|Deno) \| `([^`]+)` \|/gm);
  return new Set([...rows].map(([, runtime = '', trial = '']) => failureKey(runtime, trial)));
}

export function failureKey(runtime: string, trial: string): string {
  return `${runtime}: ${trial}`;
}
