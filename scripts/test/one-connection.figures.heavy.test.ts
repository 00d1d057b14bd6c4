// What one connection of a stranger can make each server of the examples hold, against the sum of SECURITY.md.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { figure } from '../../packages/core/test/fixture/figure.ts';
import { encodeResumeFrame } from '../../packages/lasting/src/protocol/resume-frame.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const CONNECTIONS = 10;
/** A connection is given no more than this. */
const MAX_BYTES = 8 * MIB;
/** The server takes no more when nothing could be written for so long. */
const STILL_MS = 400;

let server: ChildProcess;
let ports: Readonly<Record<string, number>>;

beforeAll(async () => {
  const file = fileURLToPath(new URL('stranger-server.ts', import.meta.url));
  const register = fileURLToPath(new URL('../register.mjs', import.meta.url));
  const heap = ['--expose-gc', '--no-flush-bytecode', '--single-threaded'];
  const execArgv = [...heap, '--conditions=@headrace/source', '--import', register];
  server = fork(file, { execArgv, silent: true });
  [ports] = await once(server, 'message');
});
afterAll(() => server.kill('SIGKILL'));

async function held(): Promise<number> {
  server.send('held');
  const [bytes] = await once(server, 'message');
  return bytes as number;
}

interface Attack {
  /** Sent first, by connection. */
  readonly greeting?: (index: number) => Buffer | string;
  /** Sent again and again. */
  readonly part: Buffer | string;
  /** One part in each packet, so many times, instead of as much as the server takes. */
  readonly slowly?: number;
}

async function write(socket: Socket, bytes: Buffer): Promise<boolean> {
  if (socket.destroyed) return false;
  if (socket.write(bytes)) return true;
  const over = new AbortController();
  const { signal } = over;
  const drained = once(socket, 'drain', { signal }).then(() => true);
  const closed = once(socket, 'close', { signal }).then(() => false);
  const still = delay(STILL_MS, false, { signal });
  try {
    return await Promise.race([drained, closed, still]);
  } catch {
    return false;
  } finally {
    for (const one of [drained, closed, still]) one.catch(() => {});
    over.abort();
  }
}

/** Sends until the server takes no more, and reads nothing. */
async function attack(port: number, { greeting, part, slowly }: Attack, index: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  socket.on('error', () => {}).pause();
  await once(socket, 'connect');
  if (greeting !== undefined) socket.write(greeting(index));
  await delay(50);
  const bytes = Buffer.from(part);
  const times = slowly === undefined ? Math.ceil((64 * KIB) / bytes.length) : 1;
  const burst = Buffer.concat(Array<Buffer>(times).fill(bytes));
  const most = slowly ?? MAX_BYTES / burst.length;
  for (let sent = 0; sent < most && (await write(socket, burst)); sent++) {
    if (slowly !== undefined) await delay(1);
  }
  return socket;
}

/** Bytes that the server holds for each connection. */
async function heldBy(name: string, means: Attack): Promise<number> {
  const port = ports[name]!;
  // Code is compiled, and what all connections share is made.
  const first = await attack(port, { ...means, slowly: 10 }, CONNECTIONS);
  first.destroy();
  await delay(200);
  const before = await held();
  const sockets = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, index) => attack(port, means, index)),
  );
  await delay(200);
  const each = ((await held()) - before) / CONNECTIONS;
  for (const socket of sockets) socket.destroy();
  return each;
}

/** A message with its length of 4 bytes in front, or of 2. */
function framed(body: Buffer | string, bytes: 2 | 4 = 4): Buffer {
  const head = Buffer.alloc(bytes);
  head.writeUIntBE(Buffer.byteLength(body), 0, bytes);
  return Buffer.concat([head, Buffer.from(body)]);
}

interface Limits {
  readonly frame: number;
  readonly output?: number;
  readonly calls?: number;
  readonly credit?: number;
}

/** The sum of SECURITY.md for one connection. */
function sumOf({ frame, output = MIB, calls = 0, credit = 0 }: Limits): number {
  return (
    5 * KIB + 2 * frame + 68 * KIB + 4 * 64 * KIB + output + frame + calls * 72 * KIB + 2 * credit
  );
}

const open = encodeResumeFrame({ kind: 'open', windowMs: 60_000, creditBytes: MIB });
const data = encodeResumeFrame({ kind: 'data', payload: Buffer.from('x') });
const openSignedIn = (index: number): Buffer => {
  const payload = Buffer.from(`I am p${index}: open sesame`);
  return Buffer.concat([framed(open), framed(encodeResumeFrame({ kind: 'data', payload }))]);
};
/** A notification of one byte; an answer to a call that was not made, which fills a read. */
const notice = framed(Buffer.of(5, 0, 0, 0, 0, 0, 97));
const answer = framed(Buffer.concat([Buffer.of(2, 0, 0, 0, 0, 9), Buffer.alloc(56 * KIB)]));
const signIn = (index: number): string => `AUTH:p${index}\n`;
const login = (index: number): Buffer => framed(`\0{"device":"d${index}","token":"t"}`, 2);

const CHAT = { frame: 64 * KIB };
const LINES = { frame: 8 * KIB };
const REDIS = { frame: 64 * KIB, output: 64 * MIB };
const CALLS = { frame: 64 * KIB, calls: 256 };
const CASES: readonly (readonly [server: string, what: string, means: Attack, limits: Limits])[] = [
  ['chat-showcase', 'lines whose echo is not read', { greeting: signIn, part: 'a\n' }, CHAT],
  ['chat-showcase', 'an endless line', { part: 'a' }, CHAT],
  ['chat-showcase', 'a line of single bytes', { part: 'a', slowly: 300 }, CHAT],
  ['chat-showcase', 'lines before the sign-in', { part: 'a\n' }, CHAT],
  [
    'long-connection-server',
    'lines whose echo is not read',
    { greeting: signIn, part: 'a\n' },
    LINES,
  ],
  ['mini-redis', 'PINGs whose answers are not read', { part: 'PING\r\n' }, REDIS],
  [
    'mini-redis',
    'a value that is asked for again and again, and not read',
    { greeting: () => `SET k ${'a'.repeat(60_000)}\r\n`, part: 'GET k\r\n' },
    REDIS,
  ],
  [
    'device-gateway',
    'telemetry',
    { greeting: login, part: framed('\x031', 2) },
    { frame: 16 * KIB },
  ],
  [
    'lasting-chat',
    'messages of a byte whose answers are not read',
    { greeting: openSignedIn, part: framed(data) },
    { frame: 64 * KIB, credit: MIB },
  ],
  ['port-forwarder', 'bytes for a target that takes none', { part: 'x' }, { frame: 64 * KIB }],
  ['calls', 'calls that never end', { part: notice }, CALLS],
  [
    'calls',
    'calls that never end, each in a read of its own',
    { part: Buffer.concat([notice, answer]), slowly: 300 },
    CALLS,
  ],
];

describe('one connection of a stranger', () => {
  it.each(CASES)('makes %s hold no more than the sum: %s', async (name, what, means, limits) => {
    await figure(`bytes of one connection to ${name}: ${what}`, { below: sumOf(limits) }, () =>
      heldBy(name, means),
    );
  });
});
