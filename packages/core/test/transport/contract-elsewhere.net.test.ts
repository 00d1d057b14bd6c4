// The transport contract in the workers of node:cluster, under both policies, and in a worker thread: TCP and Unix
// sockets, on handles where they can be had, and on sockets.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

interface Result {
  readonly name: string;
  readonly problem?: string;
}

/** Each test and what is wrong with it. */
function resultsOf(where: string): Promise<Result[]> {
  const flags = [
    '--conditions=@headrace/source',
    '--import',
    new URL('../../../../scripts/register.mjs', import.meta.url).href,
  ];
  const child = spawn(
    process.execPath,
    [...flags, pathOf('../fixture/contract-elsewhere.ts'), where],
    { cwd: pathOf('../../../../'), env: { ...process.env, NODE_OPTIONS: '' } },
  );
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

/** Mostly the start of Node and the compiling of sources, which a busy machine draws out. */
const TIMEOUT = { timeout: 120_000 };

for (const [where, name] of [
  ['round-robin', 'a worker of node:cluster that the primary accepts for'],
  ['none', 'a worker of node:cluster that accepts for itself'],
  ['thread', 'a worker thread'],
] as const) {
  it.concurrent(`every transport keeps its contract in ${name}`, TIMEOUT, async (context) => {
    const results = await resultsOf(where);
    context.expect(results.length).toBeGreaterThan(60);
    context.expect(results.filter((result) => result.problem !== undefined)).toEqual([]);
  });
}
