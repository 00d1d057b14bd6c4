// The contract on Bun's own sockets where Bun runs the tests, and on a fake of them elsewhere.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Listener, type ListenTarget, ServerBootstrap } from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { listenOnBun } from '../../../src/transport/bun/bun-sockets.ts';
import { fakeBun } from '../../fixture/fake-bun.ts';

const folder = mkdtempSync(join(tmpdir(), 'hr-'));
afterAll(() => rmSync(folder, { recursive: true }));

const isOnBun = process.versions['bun'] !== undefined;
const TCP: ListenTarget = { port: 0, host: '127.0.0.1' };
const OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelayMs: 0,
  keepAliveIntervalMs: 1000,
  keepAliveCount: 10,
};
let paths = 0;

function listenerOf(target: ListenTarget): Listener {
  return listenOnBun(fakeBun(), target, OPTIONS, 'a fake');
}

describeTransport(
  { describe, it, expect },
  {
    name: 'tcp on Bun',
    bind: () => (isOnBun ? { ...TCP, transport: 'bun' } : { listener: listenerOf(TCP) }),
    connect: (server) => ({ port: server.port, host: '127.0.0.1' }),
    nobody: () => ({ port: 1, host: '127.0.0.1' }),
    resets: true,
    transferBytes: 16 * 1024 * 1024,
  },
);

describe.skipIf(process.platform === 'win32')('with Unix sockets', () => {
  describeTransport(
    { describe, it, expect },
    {
      name: 'path on Bun',
      bind: () => {
        paths += 1;
        const path = join(folder, `contract${paths}`);
        return isOnBun ? { path, transport: 'bun' } : { listener: listenerOf({ path }) };
      },
      connect: () => ({ path: join(folder, `contract${paths}`) }),
      nobody: () => ({ path: join(folder, 'nobody') }),
      resets: false,
      transferBytes: 16 * 1024 * 1024,
    },
  );
});

describe('a listener of Bun', () => {
  const serverOn = (target: ListenTarget) =>
    new ServerBootstrap()
      .options({ autoRead: false })
      .childHandler(() => {})
      .bind(isOnBun ? { ...target, transport: 'bun' } : { listener: listenerOf(target) });
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('keeps what comes while accepting is paused, and takes it all when it goes on', async () => {
    const server = await serverOn(TCP);
    expect(server.transportKind).toBe('bun');
    const sockets = Array.from({ length: 50 }, () => net.connect(server.port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('connect', done))));
    for (let i = 0; i < 20; i++) await turn();
    expect(server.connections.size).toBe(0);
    server.channel.autoRead = true;
    while (server.connections.size < 50) await turn();
    const gone = sockets.map(
      (socket) => new Promise((done) => socket.resume().once('close', done)),
    );
    await server.close();
    await Promise.all(gone);
  });

  it('names what it could not have', async () => {
    const server = await serverOn(TCP);
    await expect(serverOn({ port: server.port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'HR_ERR_BIND_FAILED',
      details: { code: 'EADDRINUSE' },
    });
    await server.close();
  });

  it.skipIf(process.platform === 'win32')('opens its file to every user if asked', async () => {
    const path = join(folder, 'open');
    const server = await serverOn({ path, readableAll: true, writableAll: true });
    expect([server.address, statSync(path).mode & 0o666]).toEqual([{ path }, 0o666]);
    await server.close();
    for (let i = 0; i < 100 && existsSync(path); i++) await turn();
    expect(existsSync(path)).toBe(false);
  });
});
