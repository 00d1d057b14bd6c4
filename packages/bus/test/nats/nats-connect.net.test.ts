import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { silentLogger, systemClock } from '@headrace/core';
import { expect, it, onTestFinished } from 'vitest';
import { ServerOrder } from '../../src/bus/server-order.ts';
import { connectToNats } from '../../src/nats/nats-connect.ts';

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
  const host = {
    clock: systemClock,
    logger: silentLogger,
    random: () => 0,
    randomBytes: () => Buffer.alloc(16),
    probe: 'probe',
  };
  const { signal } = new AbortController();
  await expect(connectToNats(target, sink, host, signal)).rejects.toThrow();
  expect(ended.length).toBe(2);
  await Promise.all(ended);
});
