import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type Line, ProgramProcess } from './program-process.ts';

let program: ProgramProcess | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  // A stopped worker sees no end of its primary.
  for (const { pid } of program?.lines ?? []) {
    try {
      if (typeof pid === 'number') process.kill(pid, 'SIGKILL');
    } catch {}
  }
  await program?.kill();
  program = undefined;
});

interface Listed {
  readonly number: number;
  readonly pid: number;
  readonly info: { readonly port: number };
}

async function started(env: Readonly<Record<string, string>> = {}) {
  program = new ProgramProcess('./program.ts', env);
  const { list } = await program.line({ type: 'ready' }, 0, 60_000);
  return { program, list: list as Listed[] };
}

function client(port: number): { what: string } {
  const it = { what: 'open' };
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', (error: NodeJS.ErrnoException) => {
    it.what = error.code ?? error.message;
  });
  socket.on('data', () => {
    it.what = 'served';
  });
  socket.on('close', () => {
    if (it.what === 'open') it.what = 'closed';
  });
  socket.write('hello\n');
  return it;
}

async function again(program: ProgramProcess, worker: Line | Listed, from: number) {
  const { number } = worker;
  const line = await program.line({ type: 'started', number }, from, 60_000);
  return line as unknown as Listed & { info: Listed['info'] };
}

/** On a busy machine everything takes its time. */
const PATIENT = { timeout: 60_000 };

const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

describe('workers that are killed', () => {
  it('have the connections on their way to them reset, and leave no descriptor in the primary', async () => {
    const { program, list } = await started();
    const [first] = list as [Listed, Listed];
    const { port } = first.info;
    let victim: Listed = first;
    const before = descriptorsOf(program.pid);
    for (let round = 0; round < 3; round++) {
      const from = program.lines.length;
      process.kill(victim.pid, 'SIGSTOP');
      const clients = Array.from({ length: 6 }, () => client(port));
      await expect
        .poll(() => clients.filter(({ what }) => what === 'served').length, PATIENT)
        .toBe(5);
      process.kill(victim.pid, 'SIGKILL');
      const { pid } = victim;
      await program.line({ type: 'ended', pid, isExpected: false }, from);
      await expect
        .poll(() => clients.map(({ what }) => what).sort(), PATIENT)
        .toEqual(['ECONNRESET', ...Array(5).fill('served')]);
      victim = await again(program, victim, from);
    }
    await expect.poll(() => descriptorsOf(program.pid), PATIENT).toBe(before);
  });

  it('are followed by others on the same port, even when all died at one time and the system had chosen it', async () => {
    const { program, list } = await started();
    const { port } = list[0]!.info;
    let workers: readonly Listed[] = list;
    for (let round = 0; round < 2; round++) {
      const from = program.lines.length;
      for (const { pid } of workers) process.kill(pid, 'SIGSTOP');
      for (const { pid } of workers) process.kill(pid, 'SIGKILL');
      for (const { pid } of workers) await program.line({ type: 'ended', pid }, from);
      workers = await Promise.all(workers.map((worker) => again(program, worker, from)));
      expect(workers.map(({ info }) => info.port)).toEqual([port, port]);
      const clients = [client(port), client(port)];
      await expect
        .poll(() => clients.map(({ what }) => what), PATIENT)
        .toEqual(['served', 'served']);
    }
  });
});
