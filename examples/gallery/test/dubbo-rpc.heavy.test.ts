import { connect } from 'node:net';
import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';
import { attack, isListening, type Program, peer, system, until } from './program.ts';

const NAME = 'dubbo-rpc';
const PYTHON = `${NAME}.py`;
const CALLS = 10_000;
/** Our client gives each call 5 s, and all have to be under way at one time: so many take a small part of that. */
const SERVED = 2000;
const IN_FLIGHT = new RegExp(`^${SERVED} in flight$`);
const late = (calls: number): number => calls / 100;

/** A head of Dubbo's, for a body of so many bytes. */
function head(bytes: number): Buffer {
  const buffer = Buffer.from('dabbc6000000000000000001ffffffff', 'hex');
  buffer.writeUInt32BE(bytes, 12);
  return buffer;
}

async function exchange(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const body = Buffer.from('"2.0.2"\n"demo.DemoService"\n"0.0.0"\n"sayHello"\n""\n"ann"\n{}');
  socket.write(Buffer.concat([head(body.length), body]));
  const answer = await new Promise((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString('latin1', 16))).once('error', reject);
  });
  expect(answer).toBe('1\n"Hello ann"');
  socket.destroy();
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix} ${n}`);
const sorted = (lines: readonly string[]): string[] => [...lines].sort();
const matching = ({ lines }: Program, pattern: RegExp): string[] =>
  lines.filter((line) => pattern.test(line));

/** As a user ends it; of a server that was killed it may have reported a reset. */
async function end(program: Program): Promise<void> {
  program.kill('SIGTERM');
  expect(await program.exit).toBe(0);
}

/** A Python client on our server: 10,000 calls at once, one in a hundred for longer than it waits. */
async function pythonClient(): Promise<void> {
  const server = system(NAME, 'server');
  const port = await server.port();
  const client = peer(PYTHON, ['client', '127.0.0.1', port, CALLS]);
  const [, outOfOrder] = await client.says(/^all answered, (\d+) out of order$/);
  expect(Number(outOfOrder)).toBeGreaterThan(0);
  const tooLate = matching(client, /: 31 "the time of the request is over"$/);
  expect(tooLate).toHaveLength(late(CALLS));
  for (const line of tooLate) expect(line).toMatch(/^name \d*99: /);
  expect(matching(client, /^Hello name \d+$/)).toHaveLength(CALLS - late(CALLS));
  expect(new Set(matching(client, /^Hello name/)).size).toBe(CALLS - late(CALLS));
  expect(sorted(matching(client, /^id/))).toEqual([
    'id 1: 60 "no demo.NoService"',
    'id 2: 70 "the name is not a text"',
    'id 3: 40 "no call in hessian2 or lines of JSON"',
    'id 4: 40 no call in hessian2 or lines of JSON',
    'id 5: event null',
    'id 6: 20 Hello hessian2',
    'id 7: event N',
  ]);
  expect(sorted(server.lines.slice(1))).toEqual(
    sorted([...names('Hello name', CALLS), 'Hello hessian2']),
  );
  server.kill();
  await server.exit;
  await client.says(/^the connection is gone$/);
  expect([await client.exit, client.errors]).toEqual([0, '']);
}

/** Our client on a Python server, which shuffles, is late, is killed, and comes back. */
async function pythonServer(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const first = peer(PYTHON, ['server', '127.0.0.1', port, 6000, SERVED]);
  await first.port();
  const client = system(NAME, 'client', { PORT: port });
  await client.says(/^Hello world$/);
  client.type(`${names('name', SERVED).join('\n')}\n`);
  await first.says(IN_FLIGHT);
  await until(() => client.lines.length === 1 + SERVED, 'an outcome of each call');
  const answers = matching(client, /^Hello name/);
  expect(matching(client, /^TimedOutError: no answer within/)).toHaveLength(late(SERVED));
  expect(answers).toHaveLength(SERVED - late(SERVED));
  expect(answers).not.toEqual(sorted(answers));
  expect(sorted(first.lines.filter((line) => line.startsWith('Hello')))).toEqual(
    sorted(['Hello world', ...names('Hello name', SERVED)]),
  );
  // All under way when it is killed.
  client.type(`${names('hold', SERVED).join('\n')}\n`);
  await until(() => matching(first, IN_FLIGHT).length === 2, 'the calls at the server');
  first.kill();
  await until(() => client.lines.length === 1 + 2 * SERVED, 'an outcome of each lost call');
  expect(matching(client, /the peer may have executed the request$/)).toHaveLength(SERVED);
  client.type(`${names('again', 10).join('\n')}\n`);
  const second = peer(PYTHON, ['server', '127.0.0.1', port]);
  await until(() => matching(client, /^Hello again/).length === 10, 'the answers after it');
  expect(sorted(matching(second, /^Hello/))).toEqual(sorted(names('Hello again', 10)));
  await end(client);
}

/** Heartbeats in real time, every second. */
async function heartbeats(): Promise<void> {
  const answering = peer(PYTHON, ['server', '127.0.0.1', 0]);
  const mute = peer(PYTHON, ['server', '127.0.0.1', 0, 0]);
  const start = async (server: Program) => {
    const client = system(NAME, 'client', { PORT: await server.port(), INTERVAL_MS: 1000 });
    await client.says(/^Hello world$/);
    return client;
  };
  const [kept, dropped] = [await start(answering), await start(mute)];
  await mute.says(/^gone after 3 heartbeats, 0 calls without an answer$/);
  await until(() => matching(mute, /^connected$/).length === 2, 'another connection');
  await until(() => matching(answering, /^heartbeat$/).length >= 5, 'five heartbeats');
  expect(matching(answering, /^connected$/)).toHaveLength(1);
  await Promise.all([kept.stop(), end(dropped)]);
}

async function withoutServer(): Promise<void> {
  const client = system(NAME, 'client', { PORT: 1 });
  await client.says(/no connection for the request within 5000 ms/);
  await end(client);
}

async function badInput(): Promise<void> {
  const server = system(NAME, 'server');
  const port = await server.port();
  const half = Buffer.concat([head(1 << 20), Buffer.alloc(1000, 'x')]);
  await attack(server, port, { half, silenceMs: 16_000 }, () => exchange(port));
  expect(server.errors).toContain('is longer than maxFrameLength, 8388624');
  expect(server.errors).toContain('TimedOutError');
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(await isListening(port)).toBe(false);
}

it('speaks with Python in both roles, thousands of calls in flight, and outlives strangers', async () => {
  await Promise.all([
    badInput(),
    withoutServer().then(heartbeats),
    pythonClient().then(pythonServer),
  ]);
});
