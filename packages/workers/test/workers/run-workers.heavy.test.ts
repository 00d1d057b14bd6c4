import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, runWorkers } from '@headrace/workers';
import { afterEach, describe, expect, it } from 'vitest';
import { canReusePort } from '../../src/workers/worker-options.ts';
import { type Line, ProgramProcess } from './program-process.ts';

let program: ProgramProcess | undefined;
/** On a busy machine the start of a worker takes some seconds. */
const START_MS = 60_000;

afterEach(async () => {
  for (const { pid } of program?.lines ?? []) if (typeof pid === 'number') killQuietly(pid);
  await program?.kill();
  program = undefined;
});

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

async function started(env: Readonly<Record<string, string>> = {}): Promise<RunningProgram> {
  program = new ProgramProcess('./program.ts', env);
  const { list } = await program.line({ type: 'ready' }, 0, START_MS);
  await program.line({ type: 'status' }, 0, START_MS);
  return { program, list: list as Listed[] };
}

interface Listed {
  readonly number: number;
  readonly pid: number;
  readonly info: { readonly port: number };
}

interface RunningProgram {
  readonly program: ProgramProcess;
  readonly list: readonly Listed[];
}

/** The process that answers on a new connection; 0 if it was closed or reset by a worker that ends. */
async function answerer(port: number): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write('hello\n');
    const answer = await new Promise<Buffer | undefined>((resolve) => {
      socket.once('data', resolve);
      socket.once('close', () => resolve(undefined));
      socket.on('error', () => {});
    });
    if (answer === undefined) return 0;
    expect(String(answer)).toMatch(/^\d+ hello\n$/);
    return Number.parseInt(String(answer), 10);
  } finally {
    socket.destroy();
  }
}

/** The sockets that listen on this port, one for each worker with reusePort. */
function listeners(port: number): number {
  const name = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
  return readFileSync('/proc/net/tcp', 'latin1').split(name).length - 1;
}

describe('runWorkers', () => {
  it('collects the reports of all workers', async () => {
    const { program } = await started();
    expect(await program.line({ type: 'status' })).toEqual({
      type: 'status',
      processes: [{ name: 'worker 1' }, { name: 'worker 2' }],
      missing: [],
    });
  });

  it('starts workers that share a port, replaces one that is killed, and ends with 0 after SIGTERM', async () => {
    const { program, list } = await started();
    expect(list.map(({ number }) => number)).toEqual([1, 2]);
    const [first, second] = list as [Listed, Listed];
    expect(first.info.port).toBe(second.info.port);
    const port = first.info.port;
    const answered = new Set([await answerer(port), await answerer(port)]);
    expect(answered).toEqual(new Set([first.pid, second.pid]));

    const from = program.lines.length;
    process.kill(first.pid, 'SIGKILL');
    await program.line(
      { type: 'ended', pid: first.pid, signal: 'SIGKILL', isExpected: false },
      from,
    );
    const again = await program.line({ type: 'started', number: 1, generation: 2 }, from, START_MS);
    const now = new Set([await answerer(port), await answerer(port)]);
    expect(now).toEqual(new Set([again.pid, second.pid]));

    program.signal('SIGTERM');
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.lines.filter(({ drains }) => drains !== undefined)).toHaveLength(2);
    expect(program.lines.at(-1)).toEqual({ type: 'end' });
    expect(isAlive(second.pid)).toBe(false);
  });

  it('replaces all workers after SIGHUP, and one of them answers at any time', async () => {
    const { program, list } = await started();
    const { port } = list[0]!.info;
    const from = program.lines.length;
    program.signal('SIGHUP');
    let isOver = false;
    const restarted = program.line({ type: 'restarted' }, from, START_MS).then(() => {
      isOver = true;
    });
    let answers = 0;
    let losses = 0;
    while (!isOver) {
      if ((await answerer(port)) === 0) losses += 1;
      else answers += 1;
    }
    await restarted;
    // One connection at a time: each of the two old workers can take one along.
    expect(losses).toBeLessThan(3);
    expect(answers).toBeGreaterThan(0);
    const what = program.lines.slice(from).map(shortText);
    expect(what).toEqual([
      'started 1.2',
      'started 2.2',
      'drains 1 restart',
      'ended 1.1 0 true',
      'drains 2 restart',
      'ended 2.1 0 true',
      'restarted',
    ]);
  });

  it('keeps the old workers when the new ones do not start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
    try {
      const broken = join(folder, 'broken');
      const { program, list } = await started({ BROKEN: broken });
      writeFileSync(broken, '');
      program.signal('SIGHUP');
      const { error } = await program.line({ type: 'restart-abandoned' }, 0, START_MS);
      expect(error).toBe('new code, new fault');
      for (const { pid } of list) expect(isAlive(pid)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('ends with 1 and the first error when a start fails five times in a row', async () => {
    program = new ProgramProcess('./program.ts', { MODE: 'fail', COUNT: '1' });
    expect(await program.exited).toEqual({ code: 1, signal: null });
    expect(program.lines.map(shortText).filter((text) => text.startsWith('failed'))).toHaveLength(
      5,
    );
    const text =
      'worker 1 failed to start 5 times in a row; the first time: no database at 10.0.0.1';
    expect(program.stderr).toContain(`error the workers are given up: Error: ${text}\n`);
    // The place in the program, not in this package.
    expect(program.stderr).toMatch(/at .*program\.ts/);
  });

  it('has its workers drain and end when the primary is killed', async () => {
    const { program, list } = await started();
    await program.kill();
    await expect.poll(() => list.some(({ pid }) => isAlive(pid)), { timeout: 60_000 }).toBe(false);
    // Their last lines may still be on their way when they are gone.
    await program.exited;
    const drains = program.lines.filter(({ drains }) => drains !== undefined);
    expect(drains.map(({ why }) => why)).toEqual(['primary-gone', 'primary-gone']);
  });

  it('has the system spread connections with reusePort, from Node 22.12 on, and refuses it before', async () => {
    if (!canReusePort(process.versions.node, process.platform)) {
      const start = () => ({ drain: () => {} });
      await expect(runWorkers({ start, reusePort: true })).rejects.toThrow(
        /reusePort needs Node 22/,
      );
      return;
    }
    const env = { PORT: String(await freePort('127.0.0.1', 0)), REUSE_PORT: '1' };
    const { program, list } = await started(env);
    const [first, second] = list as [Listed, Listed];
    const { port } = first.info;
    const answerers = async () =>
      new Set(await Promise.all(Array.from({ length: 40 }, () => answerer(port))));
    expect(await answerers()).toEqual(new Set([first.pid, second.pid]));
    expect(listeners(port)).toBe(2);
    const from = program.lines.length;
    process.kill(first.pid, 'SIGKILL');
    const again = await program.line({ type: 'started', number: 1, generation: 2 }, from, START_MS);
    expect(await answerers()).toEqual(new Set([again.pid, second.pid]));
    program.signal('SIGTERM');
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });

  it('kills a worker that does not drain in time', async () => {
    const { program, list } = await started({ MODE: 'stuck', COUNT: '1', DRAIN_MS: '200' });
    process.kill(list[0]!.pid, 'SIGSTOP');
    program.signal('SIGTERM');
    expect(await program.exited).toEqual({ code: 0, signal: null });
    expect(program.lines.map(shortText)).toContain('ended 1.1 SIGKILL true');
  });
});

function shortText(line: Line): string {
  if (line.drains !== undefined) return `drains ${line.drains} ${line.why}`;
  const { type, number, generation, code, signal, isExpected } = line;
  if (number === undefined) return String(type);
  const end = type === 'ended' ? ` ${signal ?? code} ${isExpected}` : '';
  return `${type} ${number}.${generation}${end}`;
}
