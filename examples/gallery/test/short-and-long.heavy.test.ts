import { connect } from 'node:net';
import { freePort } from '@headrace/cluster';
import { expect, it } from 'vitest';
import { attack, isListening, Program, peer, system, until } from './program.ts';

const QUESTION = `get ${'k'.repeat(55)}END\r\n`;
const HEAD = /^server +style +connections +time +CPU here +CPU there +packets +TIME_WAIT$/;

async function startMemcached(): Promise<number> {
  const port = await freePort('127.0.0.1', 0);
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const program = new Program('memcached', ['-l', '127.0.0.1', '-p', String(port), ...user]);
  while (!(await isListening(port))) {
    if (program.hasEnded) throw new Error(program.output);
  }
  return port;
}

/** One exchange with the echo. */
function exchange(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', reject);
    socket.setEncoding('latin1').once('data', (text: string) => {
      socket.destroy();
      resolve(text);
    });
    socket.write(QUESTION);
  });
}

it('prints the costs with memcached, with our echo and with one in Python', async () => {
  const memcached = await startMemcached();
  const echo = system('short-and-long', 'server');
  const python = peer('short-and-long.py', ['server', '127.0.0.1', 0]);
  for (const server of [echo, python]) {
    const client = system('short-and-long', 'client', {
      PORT: await server.port(),
      MEMCACHED_PORT: memcached,
      ATTEMPTS: 1000,
    });
    expect([await client.exit, client.errors]).toEqual([0, '']);
    const [title, head, ...rows] = client.lines;
    expect(title).toMatch(/^1000 exchanges of 64 bytes; /);
    expect(head).toMatch(HEAD);
    const cells = rows.map((row) => row.split(/ +/));
    expect(cells.map((row) => row.slice(0, 3).join(' '))).toEqual([
      'echo short 1000',
      'echo kept 1',
      'echo limited 10',
      'memcached short 1000',
      'memcached kept 1',
      'memcached limited 10',
    ]);
    for (const at of [0, 3]) {
      const [short, kept, limited] = cells.slice(at).map((row) => row.slice(3).map(Number));
      // Time, CPU here, CPU there: one kept costs less. Packets are those of all programs.
      for (const column of [0, 1, 2]) expect(kept![column]).toBeLessThan(short![column]!);
      expect(limited![0]).toBeLessThan(short![0]!);
      expect(kept![3]).toBeGreaterThanOrEqual(2);
      expect(short![3]! - kept![3]!).toBeGreaterThan(4);
    }
  }
  await echo.stop();
});

it('serves a client in Python, is killed, and is there again on its port', async () => {
  const port = await freePort('127.0.0.1', 0);
  const first = system('short-and-long', 'server', { PORT: port });
  await first.port();
  const client = peer('short-and-long.py', ['client', '127.0.0.1', port, 1000]);
  expect([await client.exit, client.errors]).toEqual([0, '']);
  expect(client.lines.map((line) => line.replace(/[\d.]+ µs/, 'N µs'))).toEqual([
    'short: 1000 of 1000 right, N µs each',
    'kept: 1000 of 1000 right, N µs each',
  ]);
  const cut = peer('short-and-long.py', ['client', '127.0.0.1', port, 1_000_000]);
  await until(() => cut.child.pid, 'process');
  const ours = system('short-and-long', 'client', { PORT: port, ATTEMPTS: 1_000_000 });
  await ours.says(HEAD);
  await new Promise((resolve) => setTimeout(resolve, 300));
  first.kill();
  expect(await first.exit).toBe('SIGKILL');
  expect(await cut.exit).toBe(1);
  expect(await ours.exit).toBe(1);
  expect(ours.errors).toMatch(/^gallery: .+\n$/);
  const second = system('short-and-long', 'server', { PORT: port });
  expect(await second.port()).toBe(port);
  expect(await exchange(port)).toBe(QUESTION);
  await second.stop();
  expect(await isListening(port)).toBe(false);
});

it('outlives what is no line', async () => {
  const server = system('short-and-long', 'server');
  const port = await server.port();
  const serves = async (): Promise<void> => expect(await exchange(port)).toBe(QUESTION);
  const silent = connect(port, '127.0.0.1');
  silent.resume().write('half a li');
  const start = Date.now();
  const ended = new Promise<number>((resolve) => {
    silent.on('error', () => {}).on('close', () => resolve(Date.now() - start));
  });
  await attack(server, port, { half: 'half a li', silenceMs: 3000 }, serves);
  // A line may take 15 s.
  expect(await ended).toBeGreaterThan(14_000);
  expect(await ended).toBeLessThan(18_000);
  await serves();
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
});
