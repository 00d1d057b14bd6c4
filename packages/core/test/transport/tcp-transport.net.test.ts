import net from 'node:net';
import { Bootstrap, ServerBootstrap, silentLogger } from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

describeTransport(
  { describe, it, expect },
  {
    name: 'tcp on handles',
    bind: () => ({ port: 0, host: '127.0.0.1', transport: 'handle' }),
    connect: (server) => ({ port: server.port, host: '127.0.0.1' }),
    nobody: () => ({ port: 1, host: '127.0.0.1' }),
    resets: true,
    transferBytes: 64 * 1024 * 1024,
  },
);

describe('a listening port', () => {
  it('keeps what comes while accepting is paused, and takes it all when it goes on', async () => {
    const server = await new ServerBootstrap()
      .options({ autoRead: false })
      .childHandler(() => {})
      .bind({ port: 0, host: '127.0.0.1' });
    const sockets = Array.from({ length: 400 }, () => net.connect(server.port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('connect', done))));
    for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
    expect(server.connections.size).toBe(0);
    server.channel.autoRead = true;
    while (server.connections.size < 400) await new Promise((done) => setImmediate(done));
    await server.close();
    await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('close', done))));
  });

  it('drops what it kept when it closes', async () => {
    const server = await new ServerBootstrap()
      .options({ autoRead: false })
      .childHandler(() => {})
      .bind({ port: 0, host: '127.0.0.1' });
    const client = await new Bootstrap()
      .options({ logger: silentLogger })
      .handler(() => {})
      .connect({ port: server.port, host: '127.0.0.1' });
    await server.close();
    expect((await client.closed).reason).toBe('reset');
  });
});
