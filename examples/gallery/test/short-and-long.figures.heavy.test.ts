import { connect } from 'node:net';
import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';
import { figures } from '../../../packages/core/test/fixture/figure.ts';
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

/** One connection that is kept costs less than one for each exchange: what it costs, as a share of that. */
const COSTS = {
  time: { below: 1 },
  'CPU here': { below: 1 },
  'CPU there': { below: 1 },
  'time with ten': { below: 1 },
  // Of all programs.
  'packets saved': { above: 4 },
  'packets kept': { above: 1.9 },
};

/** The columns of a client's table from the fourth on, for short, kept and limited connections. */
async function tableOf(port: number, memcached: number): Promise<number[][]> {
  const client = system('short-and-long', 'client', {
    PORT: port,
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
  return cells.map((row) => row.slice(3).map(Number));
}

it('prints the costs with memcached, with our echo and with one in Python', async () => {
  const memcached = await startMemcached();
  const echo = system('short-and-long', 'server');
  const python = peer('short-and-long.py', ['server', '127.0.0.1', 0]);
  for (const [name, server] of Object.entries({ echo, python })) {
    const port = await server.port();
    await figures(`kept connections, ${name} and memcached`, COSTS, async () => {
      const rows = await tableOf(port, memcached);
      // Of the echo and of memcached; the worse one counts.
      const each = (of: (short: number[], kept: number[], limited: number[]) => number): number[] =>
        [0, 3].map((at) => of(rows[at]!, rows[at + 1]!, rows[at + 2]!));
      return {
        time: Math.max(...each((short, kept) => kept[0]! / short[0]!)),
        'CPU here': Math.max(...each((short, kept) => kept[1]! / short[1]!)),
        'CPU there': Math.max(...each((short, kept) => kept[2]! / short[2]!)),
        'time with ten': Math.max(...each((short, _, limited) => limited[0]! / short[0]!)),
        'packets saved': Math.min(...each((short, kept) => short[3]! - kept[3]!)),
        'packets kept': Math.min(...each((_, kept) => kept[3]!)),
      };
    });
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

it('survives input that is not a line', async () => {
  const server = system('short-and-long', 'server');
  const port = await server.port();
  const serves = async (): Promise<void> => expect(await exchange(port)).toBe(QUESTION);
  const silent = connect(port, '127.0.0.1');
  silent.resume().write('half a li');
  const ended = new Promise<void>((resolve) => {
    silent.on('error', () => {}).on('close', () => resolve());
  });
  await attack(server, port, { half: 'half a li', silenceMs: 3000 }, serves);
  // A line may take 15 s.
  await ended;
  await serves();
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
});
