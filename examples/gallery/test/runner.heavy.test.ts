import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { preparePeer } from '../src/peer.ts';
import { NAMES } from '../src/systems.ts';
import { isListening, Program, system } from './program.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const LOADER = ['--conditions=@headrace/source', '--import', '@oxc-node/core/register'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-gallery-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const gallery = (args: readonly string[], env: Record<string, string | number> = {}): Program =>
  new Program(process.execPath, [...LOADER, MAIN, ...args], env);

/** Runs it to its end; its line on standard error is the only one. */
async function refusal(
  args: readonly string[],
  env: Record<string, string | number> = {},
): Promise<string> {
  const program = gallery(args, env);
  expect(await program.exit).toBe(1);
  expect(program.lines).toEqual([]);
  const lines = program.errors.split('\n');
  expect([lines.length, lines.at(-1)]).toEqual([2, '']);
  return lines[0]!;
}

/** The processes that have this in their environment. */
function processesWith(mark: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'latin1').includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}

it('prints a table of all systems, and how they are started', async () => {
  const table = gallery([]);
  expect([await table.exit, table.errors]).toEqual([0, '']);
  const [head, ...rest] = table.lines;
  expect(head!.split(/ {2,}/)).toEqual(['NAME', 'PORT', 'ROLES', 'PEERS', 'WHAT IT IS']);
  const rows = rest.slice(0, rest.indexOf('')).map((line) => line.split(/ {2,}/));
  expect(rows.map(([name]) => name)).toEqual([...NAMES]);
  for (const [, port, roles, peers, what] of rows) {
    expect(port).toMatch(/^(?:\d+|-)$/);
    expect(roles).toMatch(/^[a-z-]+(?: [a-z-]+)*$/);
    expect(peers).toMatch(/^(?:-|(?:py|c|cpp|java|php)(?: (?:py|c|cpp|java|php))*)$/);
    expect(what!.length).toBeGreaterThan(10);
  }
  expect(rest.filter((line) => line.startsWith('npm run gallery -- NAME')).length).toBe(3);
});

it('goes on when its output is no longer read', async () => {
  const server = system('python-heartbeat', 'server', { INTERVAL_MS: 60_000 });
  const port = await server.port();
  server.child.stdout!.destroy();
  for (let i = 0; i < 3; i++) {
    const client = system('python-heartbeat', 'client', { PORT: port });
    await client.says(/^Welcome to the server!/);
    await client.stop();
  }
  await delay(200);
  expect([server.hasEnded, server.errors]).toEqual([false, '']);
  await server.stop();
});

it('refuses missing files and invalid settings, in one line', async () => {
  const [name, role, peer] = await Promise.all([
    refusal(['short-and-lang']),
    refusal(['short-and-long', 'worker']),
    refusal(['short-and-long', 'peer', 'worker']),
  ]);
  expect(name).toBe(
    `gallery: no system has the name "short-and-lang": it is one of ${NAMES.join(', ')}`,
  );
  expect(role).toBe('gallery: short-and-long has no role "worker": it has server, client');
  expect(peer).toBe('gallery: no peer plays "worker": there is server, client');
  const settings = [
    ['PORT', '65536', '0 to 65535'],
    ['PORT', 'http', '0 to 65535'],
    ['PORT', '-1', '0 to 65535'],
    ['INTERVAL_MS', '0', '1 to 86400000'],
    ['INTERVAL_MS', '1.5', '1 to 86400000'],
    ['ATTEMPTS', '0', '1 to 1000000'],
  ] as const;
  const refuse = async ([variable, value, range]: (typeof settings)[number]): Promise<void> =>
    expect(await refusal(['short-and-long', 'server'], { [variable]: value })).toBe(
      `gallery: ${variable} is "${value}": it must be a number, ${range}`,
    );
  await Promise.all(settings.map(refuse));
});

it('names the package of a compiler or interpreter that is missing', async () => {
  const refuse = async (name: string, text: string): Promise<void> =>
    expect(await refusal([name, 'peer', 'client'], { PATH: folder })).toBe(`gallery: ${text}`);
  await Promise.all([
    refuse('local-proxy', 'local-proxy.php needs php: apt-get install php-cli'),
    refuse('short-and-long', 'short-and-long.py needs python3: apt-get install python3'),
  ]);
  const { PATH } = process.env;
  try {
    process.env['PATH'] = folder;
    for (const [file, needs] of [
      ['any.c', 'any.c needs gcc: apt-get install gcc'],
      ['any.cpp', 'any.cpp needs g++: apt-get install g++'],
      ['Any.java', 'Any.java needs javac: apt-get install default-jdk-headless'],
      ['any.php', 'any.php needs php: apt-get install php-cli'],
      ['any.py', 'any.py needs python3: apt-get install python3'],
    ] as const) {
      expect(() => preparePeer(file)).toThrow(needs);
    }
    symlinkSync('/bin/true', join(folder, 'javac'));
    const needs = 'Any.java needs java: apt-get install default-jre-headless';
    expect(() => preparePeer('Any.java')).toThrow(needs);
  } finally {
    process.env['PATH'] = PATH;
  }
});

it('is one line and exit code 1 if the port is in use', async () => {
  const other: Server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as { port: number };
  const text = `gallery: cannot listen on 127.0.0.1, port ${port}: this program or another one uses it already (EADDRINUSE)`;
  // As a whole, too: nothing else is started.
  const starts = [['short-and-long', 'server'], ['short-and-long']];
  const refusals = await Promise.all(starts.map((args) => refusal(args, { PORT: port })));
  expect(refusals).toEqual([text, text]);
  await new Promise((resolve) => other.close(resolve));
});

it.each(['SIGTERM', 'SIGINT'] as const)(
  'leaves no process of a whole system at %s',
  async (signal) => {
    const mark = `GALLERY_TEST=${folder}`;
    const whole = system('short-and-long', undefined, {
      GALLERY_TEST: folder,
      ATTEMPTS: 1_000_000,
      INTERVAL_MS: 1000,
    });
    const port = await whole.port();
    await whole.says(/^server: process \d+$/);
    await whole.says(/^client: process \d+$/);
    await whole.says(/^client \| 1000000 exchanges/);
    const pids = processesWith(mark);
    expect(pids.length).toBe(3);
    for (const line of whole.lines) {
      const pid = /: process (\d+)$/.exec(line)?.[1];
      if (pid !== undefined) expect(pids).toContain(Number(pid));
    }
    expect(await isListening(port)).toBe(true);
    whole.kill(signal);
    expect([await whole.exit, whole.errors]).toEqual([0, '']);
    expect(processesWith(mark)).toEqual([]);
    expect(await isListening(port)).toBe(false);
  },
);

it('ends a whole system well at Ctrl+C, which every process of it hears twice, even before all have printed something', async () => {
  const mark = `GALLERY_TEST=${folder}`;
  const env = { GALLERY_TEST: folder, INTERVAL_MS: 60_000 };
  const whole = system('alarm-client', undefined, env, ['setsid']);
  const port = await whole.port();
  await whole.says(/^client: process \d+$/);
  process.kill(-whole.child.pid!, 'SIGINT');
  expect([await whole.exit, whole.errors]).toEqual([0, '']);
  expect(processesWith(mark)).toEqual([]);
  expect(await isListening(port)).toBe(false);
});

it('runs a peer beside a system, and passes its arguments and its end on', async () => {
  const server = system('short-and-long', 'server');
  const port = await server.port();
  const client = gallery(['short-and-long', 'peer', 'client', '50'], { PORT: port });
  expect([await client.exit, client.errors]).toEqual([0, '']);
  expect(client.lines[0]).toMatch(/^short: 50 of 50 right, /);
  await server.stop();
  const lost = gallery(['short-and-long', 'peer', 'client', '50'], { PORT: port });
  expect(await lost.exit).toBe(1);
});
