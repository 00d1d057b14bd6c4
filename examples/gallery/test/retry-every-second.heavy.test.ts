import { connect, createServer } from 'node:net';
import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';
import { attack, isListening, type Program, peer, system, until } from './program.ts';

const NAME = 'retry-every-second';
const PYTHON = `${NAME}.py`;
const CPP = `${NAME}.cpp`;
const JAVA = 'RetryEverySecond.java';
const INTERVAL_MS = 100;
const CONNECTED = 'Connected to server';
const ANSWER = 'Received Hello, world!';

const role = (name: string, port: number, intervalMs = INTERVAL_MS): Program =>
  system(NAME, name, { PORT: port, INTERVAL_MS: intervalMs });

const python = async (port: number): Promise<Program> => {
  const server = peer(PYTHON, ['server', '127.0.0.1', port]);
  await server.port();
  return server;
};

const occurrences = ({ lines }: Program, line: string): number =>
  lines.filter((one) => one === line).length;

/** The lines that a server printed about one client, whose port is not known. */
const served = (server: Program, from = 1): string[] =>
  server.lines.slice(from).map((line) => line.replace(/, \d+\)$/, ', PORT)'));

/** As a user ends it; of a server that was killed it may have reported a reset. */
async function end(program: Program): Promise<void> {
  program.kill('SIGTERM');
  expect(await program.exit).toBe(0);
}

async function exchange(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.write('Hello, world!');
  const answer = await new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(String(data))).once('error', reject);
  });
  expect(answer).toBe('Hello, world!');
  socket.destroy();
}

/** Attempts every second, which a virtual clock proves; Python's server is there after some of them. */
async function lateServer(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const client = role('heartbeat', port, 1000);
  // Its first attempt comes when Node has started, so look for it at the server.
  const attempts = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => attempts.listen(port, '127.0.0.1', resolve));
  await new Promise((resolve) => attempts.once('connection', resolve));
  await new Promise((resolve) => attempts.close(resolve));
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const from = client.lines.length;
  const server = await python(port);
  await client.says(new RegExp(CONNECTED), from);
  await until(() => occurrences(server, 'Received heartbeat') >= 3, 'three heartbeats');
  await end(client);
}

it('is on after a late server, while its own server gets bad input', async () => {
  const server = system(NAME, 'server');
  const port = await server.port();
  await Promise.all([attack(server, port, { half: 'heart' }, () => exchange(port)), lateServer()]);
  expect(server.errors).toContain('bytes are not UTF-8');
  expect(server.errors).toContain('nothing was read for 10000 ms');
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(await isListening(port)).toBe(false);
});

/** Our client and a Python server that is killed ten times. */
async function killedTenTimes(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const client = role('heartbeat', port);
  for (let round = 1; round <= 10; round++) {
    const server = await python(port);
    await until(() => occurrences(client, CONNECTED) === round, `connection ${round}`);
    await until(() => server.lines.length >= 4, 'two heartbeats');
    // What two beats brought may come in one read.
    expect(served(server)[0]).toBe("Connected by ('127.0.0.1', PORT)");
    for (const line of served(server, 2)) expect(line).toMatch(/^Received (heartbeat)+$/);
    server.kill();
    await server.exit;
  }
  await end(client);
  expect(client.lines).toEqual(Array.from({ length: 10 }, () => CONNECTED));
}

/** Our clients with one exchange for each connection, and a Python server that is killed. */
async function exchanges(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const server = await python(port);
  const single = role('once', port);
  expect([await single.exit, single.lines, single.errors]).toEqual([0, [ANSWER], '']);
  const repeated = role('repeat', port);
  await until(() => occurrences(repeated, ANSWER) >= 3, 'three answers');
  server.kill();
  await server.exit;
  const failed = 'Failed to connect to server, retrying in 0.1 second';
  await until(() => occurrences(repeated, failed) >= 3, 'three failures');
  const second = await python(port);
  await repeated.says(new RegExp(ANSWER), repeated.lines.indexOf(failed));
  await end(repeated);
  // Each kill may have come between an exchange and its answer.
  const asked = occurrences(server, ANSWER) + occurrences(second, ANSWER);
  expect([0, 1, 2]).toContain(asked - occurrences(single, ANSWER) - occurrences(repeated, ANSWER));
  for (const { lines } of [server, second]) {
    for (const [at, line] of lines.slice(1).entries()) {
      expect(line).toMatch(at % 2 === 0 ? /^Connected by \('127\.0\.0\.1', \d+\)$/ : ANSWER);
    }
  }
  const alone = role('once', await freePort('127.0.0.1', 0));
  expect(await alone.exit).toBe(1);
  expect(alone.errors).toMatch(/^gallery: .*refused.*\n$/i);
  second.kill();
}

/** The C++ and the Java client on our server, which is killed. */
async function otherClients(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const server = role('server', port);
  await server.port();
  const cpp = peer(CPP, ['heartbeat', '127.0.0.1', port, INTERVAL_MS]);
  await cpp.says(new RegExp(CONNECTED));
  await until(() => occurrences(server, 'Received heartbeat') >= 2, 'heartbeats');
  const java = peer(JAVA, ['repeat', '127.0.0.1', port, INTERVAL_MS]);
  await until(() => occurrences(java, ANSWER) >= 2, 'two answers');
  const beats = occurrences(server, 'Received heartbeat');
  await until(() => occurrences(server, 'Received heartbeat') > beats, 'another heartbeat');
  const single = peer(JAVA, ['once', '127.0.0.1', port]);
  expect([await single.exit, single.lines, single.errors]).toEqual([0, [ANSWER], '']);
  server.kill();
  await server.exit;
  expect(new Set(served(server))).toEqual(
    new Set(["Connected by ('127.0.0.1', PORT)", 'Received heartbeat', ANSWER]),
  );
  // The original's client never comes back.
  expect(await cpp.exit).toBe('SIGPIPE');
  expect(cpp.lines).toEqual([CONNECTED]);
  await java.says(/^Failed to connect to server, retrying in 1 second$/);
  const second = role('server', port);
  await second.port();
  await java.says(
    new RegExp(ANSWER),
    java.lines.findIndex((line) => line.startsWith('Failed')),
  );
  java.kill();
  await java.exit;
  expect(occurrences(server, ANSWER) + occurrences(second, ANSWER)).toBeGreaterThanOrEqual(
    occurrences(java, ANSWER) + 1,
  );
  await second.stop();
}

it('speaks with Python, C++ and Java, and comes back to servers that were killed', async () => {
  await Promise.all([killedTenTimes(), exchanges(), otherClients()]);
});
