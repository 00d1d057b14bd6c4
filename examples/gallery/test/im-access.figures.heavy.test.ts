import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';
import { figures } from '../../../packages/core/test/fixture/figure.ts';
import { attack, isListening, Program, peer, system, until } from './program.ts';

const CLIENTS = 3000;
/** Clients of a node that ends are sent away within this time. */
const SPREAD_MS = 7000;
/** For what hangs only. */
const LIMIT_MS = 60_000;
const BOUNDS = {
  'started named after ms': { below: 2000 },
  // The route hears of a change when it comes over the bus.
  'draining named until ms': { below: 500 },
  'killed named until ms': { below: 6000 },
  // Clients leave a node evenly over SPREAD_MS. In two seconds twice as many may come, for the program that counts
  // them stands still at times, and then all come that were due; four times as many if they were sent away at once.
  'busiest by even': { below: 2 },
};
const PEER = 'im-access.py';

interface Place {
  readonly port: number;
  readonly connections: number;
}

/** What curl gets from the route. */
async function routeOf(port: number): Promise<Place[]> {
  const url = `http://127.0.0.1:${port}/route?count=64`;
  const { stdout } = await promisify(execFile)('curl', ['-s', url]);
  return (JSON.parse(stdout) as { nodes?: Place[] }).nodes ?? [];
}

const portsOf = async (port: number): Promise<number[]> => {
  const places = await routeOf(port);
  return places.map((place) => place.port).sort((one, other) => one - other);
};

/** How long it takes until one asks and the answer names exactly these, in milliseconds; curl needs its time too. */
async function namedAfter(port: number, ports: readonly number[]): Promise<number> {
  const began = performance.now();
  const wanted = [...ports].sort((one, other) => one - other);
  let named: number[] = [];
  while (performance.now() - began < LIMIT_MS) {
    const askedAt = performance.now();
    named = await portsOf(port);
    if (named.join() === wanted.join()) return askedAt - began;
    await delay(20);
  }
  throw new Error(`the answer names ${named}, not ${wanted}, after ${LIMIT_MS} ms`);
}

/** How many came, and how many are there, in each second. */
const secondsOf = (clients: Program) =>
  clients.lines
    .map((line) => /^(\d+) came, (\d+) online$/.exec(line))
    .filter((match) => match !== null)
    .map(([, came, online]) => ({ came: Number(came), online: Number(online) }));

/** How many came, in all these seconds. */
const sum = (seconds: readonly { readonly came: number }[]): number =>
  seconds.reduce((all, { came }) => all + came, 0);

const allOnline = (clients: Program, from = 0): Promise<unknown> =>
  until(() => {
    const seconds = secondsOf(clients).slice(from);
    return seconds.some(({ online }) => online === CLIENTS);
  }, `${CLIENTS} online`);

/** A line that one client sends, through the node there. */
const say = (port: number, line: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(`${line}\n`));
    socket.on('error', reject).on('close', () => resolve());
    socket.resume();
  });

/** A question and its answer, on a connection of its own. */
const asks = (port: number, line: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\n`));
    socket.setEncoding('utf8').on('error', reject);
    socket.on('data', (text: string) => {
      socket.destroy();
      resolve(text);
    });
  });

/** A rolling restart, and a node that is killed, under 3,000 clients of which none is lost. */
async function comeAndGo() {
  const nats = new Program('nats-server', ['-a', '127.0.0.1', '-p', '-1']);
  const [, busPort] = await until(
    () => /client connections on 127\.0\.0\.1:(\d+)/.exec(nats.errors) ?? undefined,
    'place of the bus',
  );
  const env = { BUS: `nats://127.0.0.1:${busPort}`, INTERVAL_MS: SPREAD_MS };
  const route = system('im-access', 'route', env);
  const nodes = [1, 2, 3].map(() => system('im-access', 'node', env));
  const port = await route.port();
  const ports = await Promise.all(nodes.map((node) => node.port()));
  await namedAfter(port, ports);
  const clients = peer(PEER, ['client', '127.0.0.1', port, CLIENTS]);
  await allOnline(clients);

  // The route is thrown at during all this, and the first node in the place of an old one.
  const asksRoute = async () => expect((await routeOf(port)).length).toBeGreaterThan(0);
  const attacks = [attack(route, port, { half: 'GET /rou' }, asksRoute)];
  const before = secondsOf(clients).length;
  const startedMs: number[] = [];
  const drainingMs: number[] = [];
  const old = nodes.splice(0);
  for (const node of old) {
    const started = system('im-access', 'node', env);
    const own = await started.port();
    ports.push(own);
    startedMs.push(await namedAfter(port, ports));
    nodes.push(started);
    const serves = async () => expect(await asks(own, 'PING')).toBe('PONG\n');
    if (attacks.length < 2) attacks.push(attack(started, own, { half: 'I am' }, serves));
    node.kill('SIGTERM');
    ports.splice(0, 1);
    drainingMs.push(await namedAfter(port, ports));
    expect([await node.exit, node.errors]).toEqual([0, '']);
  }
  await allOnline(clients, secondsOf(clients).length);
  const seconds = secondsOf(clients).slice(before);
  expect(sum(seconds)).toBeGreaterThanOrEqual(CLIENTS);
  const even = (sum(seconds) / old.length / SPREAD_MS) * 1000;
  const busiest = Math.max(...seconds.map((_, at) => sum(seconds.slice(at, at + 2)) / 2));

  // Each is where the cluster believes it to be.
  const ids = [0, 1, CLIENTS - 1];
  for (const id of ids) await say(ports[0]!, `@c${id} are you there?`);
  for (const id of ids) await clients.says(new RegExp(`^c${id}: are you there\\?$`));

  const victim = nodes.pop()!;
  victim.kill();
  ports.pop();
  const lastSeconds = secondsOf(clients).length;
  const killedMs = await namedAfter(port, ports);
  await allOnline(clients, lastSeconds + 1);
  await until(
    () => secondsOf(clients).at(-1)!.online === CLIENTS,
    'all of them, after the killed node',
  );
  await provesClient();
  await Promise.all(attacks);
  clients.kill();
  await route.stop();
  for (const node of nodes) {
    node.kill('SIGTERM');
    expect(await node.exit).toBe(0);
  }
  for (const one of [port, ...ports]) expect(await isListening(one)).toBe(false);
  nats.kill();
  return {
    'started named after ms': Math.max(...startedMs),
    'draining named until ms': Math.max(...drainingMs),
    'killed named until ms': killedMs,
    'busiest by even': busiest / even,
  };
}

it('names nodes that come and go, and loses none of 3,000 clients by a rolling restart', () =>
  figures('nodes that come and go under 3,000 clients', BOUNDS, comeAndGo));

/** Our client, and Python's route and node: one that is killed, and the next one. */
async function provesClient(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const first = peer(PEER, ['server', '127.0.0.1', port]);
  await first.port();
  const client = system('im-access', 'client', { PORT: port });
  const [, id] = await client.says(/^Welcome to 127\.0\.0\.1:\d+, (user\d+)$/);
  expect(first.lines.slice(1)).toEqual([`received I am ${id}`]);
  first.kill();
  await first.exit;
  const second = peer(PEER, ['server', '127.0.0.1', port]);
  await client.says(new RegExp(`^Welcome to 127\\.0\\.0\\.1:\\d+, ${id}$`), 1);
  expect(second.lines.slice(1)).toEqual([`received I am ${id}`]);
  await client.stop();
  second.kill();
}
