import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesOf, makeProject, type Program, runSource } from './fixture/project.ts';

const DOCKER_GRACE_MS = 10_000;

/** Prints what its shutdown is given, and then ends in the way of the argument. */
const MAIN = `import { withHealth } from './health.ts';
import { run } from './run.ts';

const kept = setInterval(() => {}, 1000);
await run(() =>
  withHealth(
    {
      async shutdown({ drainTimeoutMs, signal }) {
        console.log('drain', drainTimeoutMs, signal.aborted);
        clearInterval(kept);
      },
    },
    { ready: {} },
  ),
);
// Node's own timers: each is printed, none is waited for.
const { setTimeout: real } = globalThis;
globalThis.setTimeout = ((task: () => void, ms: number, why: string) => {
  console.log('limit', ms, why);
  return real(task, ms);
}) as never;
console.log('runs');
`;

let folder = '';
let program: Program;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'create-headrace-'));
});
afterEach(async () => {
  await program.end();
  rmSync(folder, { recursive: true });
});

describe('the shutdown of a program', () => {
  it('is over before Docker kills it', async () => {
    makeProject(folder, new Map([...filesOf('line-server'), ['src/main.ts', MAIN]]));
    program = runSource(folder, ['main.ts'], { HEALTH_PORT: '0' });
    await program.shown(/runs/);
    const ended = program.end('SIGTERM');
    const limit = await program.shown(/limit (\d+) the shutdown takes too long/);
    expect(Number(limit[1])).toBeLessThan(DOCKER_GRACE_MS);
    const drain = await program.shown(/drain (\d+) false/);
    expect(Number(drain[1])).toBeLessThan(Number(limit[1]));
    expect(await ended).toBe(0);
  });

  it('has these limits behind what is wrapped around the server, too', () => {
    const main = filesOf('typed-service').get('src/main.ts')!;
    expect(main).toMatch(/async shutdown\(limits\) \{[^}]*server\.shutdown\(limits\)/);
  });
});
