import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { silentLogger, systemClock } from '@headrace/core';
import { expect, it, onTestFinished } from 'vitest';
import { ServerOrder } from '../../src/bus/server-order.ts';
import { connectToNats } from '../../src/nats/nats-connect.ts';
import type { NatsAccess } from '../../src/nats/nats-link.ts';

it('ends the connection to a server that accepts and says nothing, and to the next one', async () => {
  const ended: Promise<unknown>[] = [];
  const servers = [1, 2].map(() =>
    createServer((socket: Socket) => {
      ended.push(once(socket.resume(), 'close'));
      socket.on('error', () => {});
    }).listen(0, '127.0.0.1'),
  );
  onTestFinished(() => {
    for (const server of servers) server.close();
  });
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const addresses = servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  const target = {
    servers: new ServerOrder(addresses),
    replicas: undefined,
    maxBytes: undefined,
    timeoutMs: 400,
    client: {},
  };
  const sink = { received: () => {}, lost: () => {} };
  const host = { clock: systemClock, logger: silentLogger, random: () => 0, probe: 'probe' };
  const { signal } = new AbortController();
  await expect(connectToNats(target, sink, host, signal)).rejects.toThrow();
  expect(ended.length).toBe(2);
  await Promise.all(ended);
});

it('connects to a server of the cluster that the given server has named, when that one is gone', async () => {
  const named: string[] = [];
  const started = [0, 1].map((place) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      const info = {
        server_id: `server ${place}`,
        version: '2.9.10',
        headers: true,
        max_payload: 1024,
      };
      socket.write(`INFO ${JSON.stringify({ ...info, connect_urls: named })}\r\n`);
      socket.on('data', (bytes) => {
        if (bytes.includes('PING')) socket.write('PONG\r\n');
      });
      socket.on('error', () => {});
    });
    const end = () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    };
    onTestFinished(end);
    return { server: server.listen(0, '127.0.0.1'), end };
  });
  await Promise.all(started.map(({ server }) => once(server, 'listening')));
  const addresses = started.map(
    ({ server }) => `127.0.0.1:${(server.address() as AddressInfo).port}`,
  );
  named.push(...addresses);
  const servers = new ServerOrder([`nats://${addresses[0]}`]);
  const client = {};
  const target = { servers, replicas: undefined, maxBytes: undefined, timeoutMs: 4000, client };
  const host = { clock: systemClock, logger: silentLogger, random: () => 0, probe: 'probe' };
  const { signal } = new AbortController();
  const connected = async (): Promise<{
    readonly server: string | undefined;
    lost: Promise<void>;
  }> => {
    let lose = () => {};
    const lost = new Promise<void>((resolve) => {
      lose = resolve;
    });
    const link = await connectToNats(target, { received: () => {}, lost: lose }, host, signal);
    onTestFinished(() => link.close(false));
    const { connection } = link.access as NatsAccess;
    return { server: connection.info?.server_id, lost };
  };
  const first = await connected();
  expect(first.server).toBe('server 0');
  started[0]!.end();
  await first.lost;
  expect((await connected()).server).toBe('server 1');
});
