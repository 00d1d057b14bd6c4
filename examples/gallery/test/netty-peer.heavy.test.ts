import { connect } from 'node:net';
import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';
import { attack, isListening, type Program, peer, system, until } from './program.ts';

const NAME = 'netty-peer';
const JAVA = 'NettyPeer.java';
const FRAMES = 100_000;

/** Sends lines, and resolves with as many answers. */
function ask(port: number, lines: readonly string[], count = lines.length): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${lines.join('\r\n')}\r\n`));
    socket.setEncoding('utf8').on('data', (data) => {
      text += data;
      const answers = text.split('\n').slice(0, -1);
      if (answers.length < count) return;
      socket.destroy();
      resolve(answers);
    });
    socket.on('error', reject);
  });
}

/** As a user ends it; of a server that was killed it may have reported a reset. */
async function end(program: Program): Promise<void> {
  program.kill('SIGTERM');
  expect(await program.exit).toBe(0);
}

/** Our client on a Netty server that is killed and started again. */
async function ourClient(): Promise<void> {
  const port = await freePort('127.0.0.1', 0);
  const first = peer(JAVA, ['server', '127.0.0.1', port]);
  await first.port();
  const client = system(NAME, 'client', { PORT: port });
  await client.says(/^AUTH_OK$/);
  client.type('hello\nwörld\n');
  await client.says(/^ECHO:wörld$/);
  const id = `AUTH:client-${client.child.pid}`;
  expect(first.lines.slice(1)).toEqual([id, 'hello', 'wörld']);
  first.kill();
  await first.exit;
  client.type('kept\n');
  const second = peer(JAVA, ['server', '127.0.0.1', port]);
  await client.says(/^ECHO:kept$/);
  expect(client.lines).toEqual(['AUTH_OK', 'ECHO:hello', 'ECHO:wörld', 'AUTH_OK', 'ECHO:kept']);
  expect(second.lines.slice(1)).toEqual([id, 'kept']);
  await end(client);
}

/** A Netty client on our server, kept by its PINGs, then kicked, idle, and cut off. */
async function nettyClient(): Promise<void> {
  const server = system(NAME, 'server', { INTERVAL_MS: 5000 });
  const port = await server.port();
  const kept = peer(JAVA, ['client', '127.0.0.1', port, 500]);
  await kept.says(/^AUTH_OK$/);
  kept.type('hello\nAUTH:kept\n');
  await until(() => kept.lines.filter((line) => line === 'PONG').length >= 12, 'PONGs for 6 s');
  expect(kept.lines.filter((line) => line !== 'PONG')).toEqual([
    'AUTH_OK',
    'ECHO:hello',
    'AUTH_OK',
  ]);
  server.type('news\n');
  await kept.says(/^news$/);
  const idle = peer(JAVA, ['client', '127.0.0.1', port, 60_000]);
  await idle.says(/^closed$/);
  expect(idle.lines).toEqual(['AUTH_OK', 'ERR:IDLE_TIMEOUT', 'closed']);
  const older = peer(JAVA, ['client', '127.0.0.1', port, 500]);
  await older.says(/^AUTH_OK$/);
  const newer = peer(JAVA, ['client', '127.0.0.1', port, 500]);
  await older.says(/^closed$/);
  expect(older.lines.filter((line) => line !== 'PONG')).toEqual([
    'AUTH_OK',
    'ERR:KICKED',
    'closed',
  ]);
  await newer.says(/^PONG$/);
  expect(await ask(port, ['hello'])).toEqual(['ERR:UNAUTH']);
  expect(await ask(port, ['AUTH:', 'AUTH:x', 'PING', 'a'])).toEqual([
    'ERR:EMPTY_CLIENT_ID',
    'AUTH_OK',
    'PONG',
    'ECHO:a',
  ]);
  server.kill();
  await server.exit;
  await newer.says(/^closed$/);
}

async function badInput(): Promise<void> {
  const server = system(NAME, 'server');
  const port = await server.port();
  const serves = async () => {
    expect(await ask(port, ['AUTH:x', 'a'])).toEqual(['AUTH_OK', 'ECHO:a']);
  };
  await attack(server, port, { half: 'AUTH:nobod' }, serves);
  expect(server.errors).toContain('8192');
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(await isListening(port)).toBe(false);
}

it('speaks with Netty in both roles, and outlives strangers', async () => {
  await Promise.all([ourClient().then(nettyClient), badInput()]);
});

it('exchanges 100,000 frames with Netty both ways, the digests are equal', async () => {
  const netty = peer(JAVA, ['frames', '127.0.0.1', 0, FRAMES]);
  const frames = system(NAME, 'frames', { PORT: await netty.port(), ATTEMPTS: FRAMES });
  expect([await frames.exit, frames.errors]).toEqual([0, '']);
  const [, sent, received] = netty.lines;
  expect(sent).toMatch(/^sent 100000 frames, digest [\da-f]{8}$/);
  expect(frames.lines).toEqual([
    received!.replace('received', 'sent'),
    sent!.replace('sent', 'received'),
  ]);
});
