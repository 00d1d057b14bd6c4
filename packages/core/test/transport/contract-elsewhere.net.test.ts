// The transport contract in the workers of node:cluster, under both policies, and in a worker thread: TCP and Unix
// sockets, on handles where they can be had, and on sockets.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';
import { bundledProgram } from '../fixture/bundled-program.ts';

const program = await bundledProgram(new URL('../fixture/contract-elsewhere.ts', import.meta.url));
const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

interface Result {
  readonly name: string;
  readonly problem?: string;
}

/** Each test and what is wrong with it. */
function resultsOf(where: string): Promise<Result[]> {
  const child = spawn(process.execPath, [program, where], {
    cwd: pathOf('../../../../'),
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let printed = '';
  let errors = '';
  child.stdout.on('data', (bytes) => {
    printed += bytes;
  });
  child.stderr.on('data', (bytes) => {
    errors += bytes;
  });
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      if (code !== 0 || errors !== '') reject(new Error(`exit code ${code}: ${errors}`));
      else
        resolve(
          printed
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as Result),
        );
    });
  });
}

for (const [where, name] of [
  ['round-robin', 'a worker of node:cluster that the primary accepts for'],
  ['none', 'a worker of node:cluster that accepts for itself'],
  ['thread', 'a worker thread'],
] as const) {
  it.concurrent(`every transport keeps its contract in ${name}`, async (context) => {
    const results = await resultsOf(where);
    context.expect(results.length).toBeGreaterThan(60);
    context.expect(results.filter((result) => result.problem !== undefined)).toEqual([]);
  });
}
