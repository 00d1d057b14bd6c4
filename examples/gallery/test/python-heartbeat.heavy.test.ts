import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';
import { attack, isListening, type Program, peer, system, until } from './program.ts';

const NAME = 'python-heartbeat';
const PEER = 'python-heartbeat.py';
const WELCOME = 'Welcome to the server!';
const OVER = 'One Client (IP: 127.0.0.1) Connected over!';
const CONNECTED = /^Connected with 127\.0\.0\.1: \d+$/;
const INTERVAL_MS = 300;

const beatOf = ({ child }: Program): string => `ip: 127.0.0.1 |status: alive |pid: ${child.pid}`;

/** A client in Python, and what the server prints about it. */
async function watched(server: Program, port: number, mode: string) {
  const from = server.lines.length;
  const client = peer(PEER, ['client', '127.0.0.1', port, INTERVAL_MS / 1000, mode]);
  const lines = (): string[] => server.lines.slice(from).filter((line) => !CONNECTED.test(line));
  return { client, beat: beatOf(client), lines, says: (what: RegExp) => server.says(what, from) };
}

it('prints what Python clients send, glued and split, and when they are gone', async () => {
  const server = system(NAME, 'server', { INTERVAL_MS });
  const port = await server.port();
  for (const mode of ['plain', 'glued', 'split']) {
    const { client, beat, lines, says } = await watched(server, port, mode);
    await until(() => lines().length >= (mode === 'glued' ? 4 : 2), 'two beats');
    client.kill();
    await says(/over/);
    const beats = lines().slice(0, -1);
    if (mode === 'glued') expect(beats.length % 2).toBe(0);
    expect(lines()).toEqual([...beats.map(() => beat), OVER]);
    expect(client.output).toBe(`${WELCOME}\n\n`);
  }
  const early = await watched(server, port, 'early');
  await early.says(/over/);
  expect(early.lines()).toEqual([OVER]);
  expect(await early.client.exit).toBe(0);

  const stopped = await watched(server, port, 'plain');
  await stopped.says(/pid/);
  stopped.client.kill('SIGSTOP');
  // After 2.5 intervals, which a virtual clock proves.
  await stopped.says(/over/);

  expect(server.lines.filter((line) => CONNECTED.test(line))).toHaveLength(5);
  await server.stop();
  expect(await isListening(port)).toBe(false);
});

it('beats at a Python server, and comes back to one that was killed', async () => {
  const port = await freePort('127.0.0.1', 0);
  const first = peer(PEER, ['server', '127.0.0.1', port]);
  await first.port();
  const client = system(NAME, 'client', { PORT: port, INTERVAL_MS });
  await client.says(/Welcome/);
  await until(() => first.lines.length > 3, 'three beats');
  first.kill();
  await first.exit;
  const second = peer(PEER, ['server', '127.0.0.1', port]);
  await second.says(/pid/);
  await client.stop();
  await second.says(/over/);
  const alive = `I - ${client.child.pid} - am alive.`;
  expect(client.lines).toContain(alive);
  const said = client.lines.concat(client.rest).filter((line) => line !== alive);
  const isRefused = (line: string): boolean => line.startsWith('connected to server error: ');
  expect(said.filter((line) => !isRefused(line))).toEqual([WELCOME, WELCOME, '']);
  // Where it found no server, between the two.
  expect(said.slice(1, -2).every(isRefused)).toBe(true);
  const [listens, ...beats] = first.lines;
  expect([listens, new Set(beats)]).toEqual([`127.0.0.1:${port}`, new Set([beatOf(client)])]);
  expect(new Set(second.lines)).toEqual(new Set([`127.0.0.1:${port}`, beatOf(client), OVER]));
});

it('serves the next client after all that strangers send', async () => {
  // They are silent for longer than 2.5 intervals; half an object alone may take 15 s.
  const server = system(NAME, 'server', { INTERVAL_MS: 2000 });
  const port = await server.port();
  const serves = async (): Promise<void> => {
    // It sends one object, however long it is until it is killed.
    const { client, beat, lines, says } = await watched(server, port, 'silent');
    await says(/pid/);
    client.kill();
    await says(/over/);
    expect(lines().filter((line) => line !== OVER)).toEqual([beat]);
  };
  await attack(server, port, { half: '{"ip": "10.0', endless: '[' }, serves);
  expect(server.errors).toContain('neither a JSON object nor an array');
  expect(server.errors).toContain('longer than maxObjectLength, 4096');
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
});
