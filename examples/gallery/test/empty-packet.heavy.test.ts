import { execFileSync } from 'node:child_process';
import { freePort } from '@headrace/workers';
import { afterAll, expect, it } from 'vitest';
import { attack, isListening, type Program, peer, system, until } from './program.ts';

const NAME = 'empty-packet';
const PEER = 'empty-packet.c';
const HOST = '127.0.0.1';

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const start = (role: string): Program => system(NAME, role);
const client = (role: 'echo' | 'deaf', port: number): Program => peer(PEER, [role, HOST, port]);

/** The lines about one client of a server. */
const linesOf = (server: Program, name: string): string[] =>
  server.lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}:`));

/** Connects a client, and returns it with its name at the server. */
async function accepted(server: Program, connect: () => Program) {
  const from = server.lines.length;
  const program = connect();
  const [, name] = await server.says(/^(client \d+) is there$/, from);
  return { program, name: name! };
}

/** Waits until the server says that a client is gone. How soon that is a virtual clock proves. */
function isGone(server: Program, name: string, reason = 'heartbeat'): Promise<unknown> {
  return server.says(new RegExp(`^${name} is gone: ${reason}$`));
}

/** One client echoes, one does not, one is stopped and one is killed. */
async function findsTheDead(role: 'server' | 'strict', missed: number, stopsAfterMs: number) {
  const server = start(role);
  const port = await server.port();
  const echoing = await accepted(server, () => client('echo', port));
  const stopped = await accepted(server, () => client('echo', port));
  const killed = await accepted(server, () => client('echo', port));
  const deaf = await accepted(server, () => client('deaf', port));
  const stop = async (): Promise<void> => {
    await after(stopsAfterMs);
    stopped.program.kill('SIGSTOP');
    await isGone(server, stopped.name);
  };
  killed.program.kill();
  await isGone(server, killed.name, '(peer|reset)');
  await Promise.all([stop(), isGone(server, deaf.name)]);
  expect(linesOf(server, deaf.name)).toEqual([
    `${deaf.name} is there`,
    ...Array.from({ length: missed }, (_, at) => `${deaf.name}: ${at + 1} missed`),
    `${deaf.name} is gone: heartbeat`,
  ]);
  await deaf.program.says(/^closed$/);
  const [, ...beats] = echoing.program.lines;
  const data = role === 'strict' ? ' with ' : '';
  expect(beats.length).toBeGreaterThanOrEqual(2);
  expect(beats.filter((line) => !line.startsWith(`heartbeat${data}`))).toEqual([]);
  // What the server sent came back, the data too.
  const echoes = beats.map((line) => `${echoing.name}: ${line.replace('with ', '')}`);
  const [isThere, ...got] = linesOf(server, echoing.name);
  expect(isThere).toBe(`${echoing.name} is there`);
  expect(echoes.slice(0, got.length)).toEqual(got);
  echoing.program.type('still here\n');
  await server.says(new RegExp(`^${echoing.name}: still here$`));
  server.type('good\n');
  await echoing.program.says(/^got good$/);
  await server.stop();
  await echoing.program.says(/^closed$/);
}

/** A Headrace client on a C server that beats every second. */
async function echoesToC(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const first = peer(PEER, ['server', HOST, port, 1]);
  await first.port();
  const ours = system(NAME, 'client', { PORT: port });
  const isHeartbeat = (line: string): boolean => line === 'heartbeat';
  await until(() => first.lines.filter(isHeartbeat).length >= 3, 'three heartbeats');
  first.kill();
  await first.exit;
  const second = peer(PEER, ['server', HOST, port, 1]);
  await second.says(/^heartbeat$/);
  ours.type('hello\n');
  await second.says(/^got hello$/);
  ours.kill('SIGSTOP');
  await second.says(/^client is gone after 3 missed$/);
  ours.kill('SIGCONT');
  await second.says(/^client is there$/, second.lines.indexOf('client is gone after 3 missed'));
  await ours.stop();
  expect(first.lines.slice(0, 2)).toEqual([`${HOST}:${port}`, 'client is there']);
  expect(new Set(ours.lines)).toEqual(new Set(['server: heartbeat']));
  expect(second.lines.filter((line) => !isHeartbeat(line))).toEqual([
    `${HOST}:${port}`,
    'client is there',
    'got hello',
    'client is gone after 3 missed',
    'client is there',
    'client is gone after 0 missed',
  ]);
}

async function refusesTheEleventh(): Promise<void> {
  const server = start('server');
  const port = await server.port();
  let served = 0;
  const serves = async (): Promise<void> => {
    served += 1;
    const program = client('echo', port);
    program.type(`hello ${served}\n`);
    const [, name] = await server.says(new RegExp(`^(client \\d+): hello ${served}$`));
    program.kill();
    await server.says(new RegExp(`^${name} is gone`));
  };
  const half = Buffer.from('\0\0\x04\0half', 'latin1');
  await attack(server, port, { half, silenceMs: 16_000 }, serves);
  expect(server.errors).toContain('longer than maxFrameLength');
  expect(server.errors).toContain('a frame that began 15000 ms ago is not complete');
  const ten: Awaited<ReturnType<typeof accepted>>[] = [];
  while (ten.length < 10) ten.push(await accepted(server, () => client('echo', port)));
  const from = server.lines.length;
  const eleventh = client('echo', port);
  await eleventh.exit;
  expect(eleventh.lines.at(-1) ?? 'closed').toBe('closed');
  expect(server.lines.slice(from)).toEqual([]);
  ten[0]!.program.kill();
  await server.says(new RegExp(`^${ten[0]!.name} is gone`));
  await serves();
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(await isListening(port)).toBe(false);
}

const cleanUps: (() => void)[] = [];
afterAll(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

const ip = (...args: string[]): unknown => execFileSync('ip', args, { stdio: 'pipe' });

/** Network namespaces need Linux, root and iproute2; where they are missing there is no cable to cut. */
function canCutCables(): boolean {
  try {
    const name = `hrg-${process.pid.toString(36)}`;
    ip('netns', 'add', name);
    ip('netns', 'delete', name);
    return true;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    return false;
  }
}

/** Two hosts and the cable between them. */
function cable() {
  const hosts = ['a', 'b'].map((end) => `hrg${end}-${process.pid.toString(36)}`);
  for (const name of hosts) {
    ip('netns', 'add', name);
    cleanUps.push(() => void ip('netns', 'delete', name));
  }
  const [left, right] = hosts as [string, string];
  ip('link', 'add', 'eth0', 'netns', left, 'type', 'veth', 'peer', 'eth0', 'netns', right);
  hosts.forEach((name, at) => {
    ip('-n', name, 'address', 'add', `10.98.0.${at + 1}/24`, 'dev', 'eth0');
    ip('-n', name, 'link', 'set', 'eth0', 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  });
  return {
    host: '10.98.0.1',
    left: ['ip', 'netns', 'exec', left],
    right: ['ip', 'netns', 'exec', right],
    cut: () => ip('-n', right, 'link', 'set', 'eth0', 'down'),
  };
}

async function findsCutCables(): Promise<void> {
  const { host, left, right, cut } = cable();
  const connection = async (role: string) => {
    const server = system(NAME, role, { HOST: host }, left);
    const port = await server.port();
    const { name } = await accepted(server, () => peer(PEER, ['echo', host, port], {}, right));
    return { server, name };
  };
  const roles = ['server', 'strict', 'keepalive', 'keepalive'];
  const [relaxed, strict, idle, writing] = await Promise.all(roles.map(connection));
  await after(3000);
  cut();
  writing!.server.type('is anybody there?\n');
  await Promise.all([
    isGone(strict!.server, strict!.name),
    // 10 probes of a second, the first after 5 s without input.
    isGone(idle!.server, idle!.name, 'unreachable'),
    isGone(relaxed!.server, relaxed!.name),
  ]);
  expect(linesOf(writing!.server, writing!.name)).toEqual([`${writing!.name} is there`]);
  for (const { server } of [relaxed!, strict!]) await server.stop();
  expect(idle!.server.errors).toContain('ETIMEDOUT');
}

it('detects peers that do not echo, are stopped or cut off, and serves the others', async () => {
  await Promise.all([
    findsTheDead('strict', 2, 900),
    findsTheDead('server', 3, 4000),
    echoesToC(),
    refusesTheEleventh(),
    ...(canCutCables() ? [findsCutCables()] : []),
  ]);
});
