import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ServerBootstrap, silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { SocketClock } from '../../../packages/core/test/fixture/socket-clock.ts';
import { type LongConnectionOptions, LongConnectionServer } from '../src/long-connection-server.ts';
import { LineClient } from './line-client.ts';

const servers: LongConnectionServer[] = [];
const clients: LineClient[] = [];

async function started(options: LongConnectionOptions = {}) {
  const server = new LongConnectionServer({ port: 0, logger: silentLogger, ...options });
  servers.push(server);
  const port = await server.start();
  const connect = (): LineClient => {
    const client = new LineClient(port);
    clients.push(client);
    return client;
  };
  return { server, connect };
}

/** A client that has signed in. */
async function signedIn(connect: () => LineClient, id: string): Promise<LineClient> {
  const client = connect();
  expect(await client.ask(`AUTH:${id}`)).toEqual(['AUTH_OK']);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe('the long-connection server, to the byte', () => {
  it('lets a client in, answers heartbeats and echoes', async () => {
    const { connect } = await started();
    const client = connect();
    client.send('ping', 'AUTH:ann', '  PING \r', '', 'hello  ');
    for (let i = 0; i < 4; i++) await client.line();
    expect(client.received).toBe('PONG\nAUTH_OK\nPONG\nECHO:hello\n');
  });

  it('keeps a client that gives no id, and lets it try again', async () => {
    const { connect } = await started();
    expect(await connect().ask('AUTH:', 'AUTH: ', 'AUTH:ann')).toEqual([
      'ERR:EMPTY_CLIENT_ID',
      'ERR:EMPTY_CLIENT_ID',
      'AUTH_OK',
    ]);
  });

  it('closes a client that sends anything else first', async () => {
    const { connect } = await started();
    const client = connect().send('hello', 'AUTH:late');
    expect([await client.line(), await client.line()]).toEqual(['ERR:UNAUTH', undefined]);
  });

  it('closes a client that does not sign in in time, whatever it sends meanwhile', async () => {
    const clock = new SocketClock();
    const { connect } = await started({ authTimeoutMs: 50, clock });
    const client = connect();
    expect(await client.ask('PING')).toEqual(['PONG']);
    clock.advance(49);
    expect(await client.ask('PING')).toEqual(['PONG']);
    clock.advance(1);
    expect([await client.line(), await client.line()]).toEqual(['ERR:UNAUTH', undefined]);
  });

  it('closes a client that is silent for too long', async () => {
    const clock = new SocketClock();
    const { server, connect } = await started({ readerIdleMs: 50, clock });
    const client = await signedIn(connect, 'ann');
    clock.advance(49);
    expect(await client.ask('hello')).toEqual(['ECHO:hello']);
    clock.advance(50);
    expect([await client.line(), await client.line()]).toEqual(['ERR:IDLE_TIMEOUT', undefined]);
    await expect.poll(() => server.onlineSize()).toBe(0);
  });

  it('closes an over-long line without an answer', async () => {
    const { connect } = await started();
    const client = await signedIn(connect, 'ann');
    client.socket.write('x'.repeat(9000));
    expect(await client.line()).toBeUndefined();
    const other = await signedIn(connect, 'bob');
    expect(await other.ask('y'.repeat(8192))).toEqual([`ECHO:${'y'.repeat(8192)}`]);
  });

  it('kicks the older connection of an id, which acts no more', async () => {
    const { server, connect } = await started();
    const older = await signedIn(connect, 'ann');
    const newer = await signedIn(connect, 'ann');
    older.send('still here');
    expect([await older.line(), await older.line()]).toEqual(['ERR:KICKED', undefined]);
    expect(await newer.ask('hello')).toEqual(['ECHO:hello']);
    expect(server.onlineSize()).toBe(1);
  });

  it('moves a client that signs in again to its new id, and frees the old one', async () => {
    const { server, connect } = await started();
    const client = await signedIn(connect, 'ann');
    expect(await client.ask('AUTH:anna')).toEqual(['AUTH_OK']);
    expect(server.onlineSize()).toBe(1);
    expect([server.sendToClient('ann', 'x'), server.sendToClient('anna', 'hi')]).toEqual([
      false,
      true,
    ]);
    expect(await client.line()).toBe('hi');
    await signedIn(connect, 'ann');
    expect(await client.ask('hello')).toEqual(['ECHO:hello']);
  });

  it('answers lines cut at every byte as if they came whole', async () => {
    const { connect } = await started();
    const client = connect();
    client.socket.setNoDelay(true);
    for (const byte of Buffer.from('AUTH:ann\r\nPING\nhällo\n')) {
      client.socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const lines = [await client.line(), await client.line(), await client.line()];
    expect(lines.join('|')).toBe(`AUTH_OK|PONG|${Buffer.from('ECHO:hällo').toString('latin1')}`);
  });
});

describe('its API', () => {
  it('reaches one client, and returns whether it did', async () => {
    const { server, connect } = await started();
    const ann = await signedIn(connect, 'ann');
    expect(server.sendToClient('ann', 'one\nline')).toBe(true);
    expect(server.sendToClient('bob', 'hi')).toBe(false);
    expect(await ann.line()).toBe('one line');
  });

  it('reaches all that have signed in, and counts them', async () => {
    const { server, connect } = await started();
    const ann = await signedIn(connect, 'ann');
    const bob = await signedIn(connect, 'bob');
    const stranger = connect();
    expect(await stranger.ask('PING')).toEqual(['PONG']);
    expect(server.onlineSize()).toBe(2);
    expect(server.broadcast('news')).toBe(2);
    expect([await ann.line(), await bob.line()]).toEqual(['news', 'news']);
    expect(await stranger.ask('PING')).toEqual(['PONG']);
  });

  it('passes over a client that does not read', async () => {
    const { server, connect } = await started();
    const ann = await signedIn(connect, 'ann');
    const stuck = await signedIn(connect, 'stuck');
    stuck.socket.pause();
    const text = 'x'.repeat(100_000);
    let reached = 2;
    for (let i = 0; i < 300 && reached === 2; i++) {
      reached = server.broadcast(text);
      expect(await ann.line()).toBe(text);
    }
    expect(reached).toBe(1);
    expect(server.sendToClient('stuck', 'x')).toBe(false);
  });

  it('holds a client to its speed, if it is limited, and keeps the order', async () => {
    const { connect } = await started({ bytesPerSecond: 10_000 });
    const ann = await signedIn(connect, 'ann');
    const before = performance.now();
    const lines = ['a', 'b', 'c'].map((letter) => letter.repeat(1000));
    expect(await ann.ask(...lines)).toEqual(lines.map((line) => `ECHO:${line}`));
    // 3 KB at 10 KB a second; the first kilobyte of credit aside.
    expect(performance.now() - before).toBeGreaterThan(200);
  });

  it('shuts down in order with clients connected', async () => {
    const { server, connect } = await started();
    const ann = await signedIn(connect, 'ann');
    await server.stop();
    expect(await ann.line()).toBeUndefined();
  });
});

it('sends a line that is typed into its terminal to all that have signed in', async () => {
  const loader = ['--conditions=@headrace/source', '--import', '@oxc-node/core/register'];
  const program = spawn(process.execPath, [...loader, 'src/main.ts'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, NETTY_TCP_PORT: '0' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void program.kill('SIGKILL'));
  const [first] = (await once(createInterface({ input: program.stdout }), 'line')) as [string];
  const port = Number(/^listening tcp:\/\/127\.0\.0\.1:(\d+)$/.exec(first)![1]);
  const connect = (): LineClient => {
    clients.push(new LineClient(port));
    return clients.at(-1)!;
  };
  const [ann, bob] = [await signedIn(connect, 'ann'), await signedIn(connect, 'bob')];
  program.stdin.write('news\n');
  expect([await ann.line(), await bob.line()]).toEqual(['news', 'news']);
});

it('listens on the port of the original where none is given', async () => {
  const bind = vi.spyOn(ServerBootstrap.prototype, 'bind').mockRejectedValueOnce(new Error('no'));
  await expect(new LongConnectionServer().start()).rejects.toThrow('no');
  expect(bind).toHaveBeenCalledExactlyOnceWith({ host: '127.0.0.1', port: 18_888 });
  bind.mockRestore();
});
