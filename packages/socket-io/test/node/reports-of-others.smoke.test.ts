// What users of Socket.IO's adapters reported in 2025 and 2026, tried on two nodes over a real Redis. The number is that of the report.
import { redisBus } from '@headrace/bus/redis';
import { Cluster } from '@headrace/cluster';
import { type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { HttpEndpoint } from '@headrace/websocket';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import { BusServer, missing, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { clusterNodes } from '../../src/cluster.ts';
import { SocketIo, SocketIoNamespace } from '../../src/index.ts';

const LIMIT_MS = 30_000;

const ends: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function join(port: number) {
  const bus = redisBus({ url: `redis://127.0.0.1:${port}` });
  const options = { app: 'smoke', bus, logger: silentLogger, joinTimeoutMs: LIMIT_MS };
  const cluster = await Cluster.join(options);
  ends.push(() => cluster.leave());
  const main = new SocketIoNamespace('/', { nodes: clusterNodes(cluster as Cluster<never>) });
  const endpoint = new HttpEndpoint({ sessions: new SocketIo({ namespaces: [main] }) });
  const server: Server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .bind({ port: 0, host: '127.0.0.1' });
  ends.push(() => server.close());
  await bus.settled();
  return { main, cluster, server, url: `http://127.0.0.1:${server.port}` };
}

async function connect(url: string): Promise<Socket> {
  const client = io(url, { forceNew: true, transports: ['websocket'] });
  ends.push(async () => void client.disconnect());
  await new Promise((resolve) => client.once('connect', () => resolve(undefined)));
  return client;
}

const absent = missing(REDIS_SERVER);

describe.runIf(absent === '')(`two nodes over a real redis-server${absent}`, () => {
  it(
    'list their clients, and after one has left those of the other (redis-streams-adapter 6)',
    async () => {
      const redis = await BusServer.start(REDIS_SERVER);
      ends.push(() => redis.end());
      const [one, two] = [await join(redis.port), await join(redis.port)];
      const [a, b] = [await connect(one.url), await connect(two.url)];
      const ids = async () => (await one.main.fetchSockets()).map(({ id }) => id).sort();
      await expect.poll(ids, { timeout: LIMIT_MS }).toEqual([a.id, b.id].sort());
      b.disconnect();
      await two.server.close();
      await two.cluster.leave();
      expect(await ids()).toEqual([a.id]);
    },
    LIMIT_MS,
  );

  it(
    'find each other again after Redis was killed, and reach their own clients before (redis-streams-adapter 32, socket.io 5456)',
    async () => {
      const redis = await BusServer.start(REDIS_SERVER);
      ends.push(() => redis.end());
      const [one, two] = [await join(redis.port), await join(redis.port)];
      const [a, b] = [await connect(one.url), await connect(two.url)];
      const heard: string[] = [];
      a.on('x', (text) => heard.push(`a ${text}`));
      b.on('x', (text) => heard.push(`b ${text}`));
      await redis.kill();
      await expect.poll(() => one.cluster.state, { timeout: LIMIT_MS }).not.toBe('up');
      one.main.emit('x', 'down');
      await expect.poll(() => heard).toContain('a down');
      await redis.start();
      await expect.poll(() => one.cluster.state, { timeout: LIMIT_MS }).toBe('up');
      const ids = async () => (await one.main.fetchSockets()).map(({ id }) => id).sort();
      await expect.poll(ids, { timeout: LIMIT_MS }).toEqual([a.id, b.id].sort());
      one.main.emit('x', 'up');
      await expect.poll(() => heard, { timeout: LIMIT_MS }).toContain('b up');
      // What was sent meanwhile was kept.
      expect(heard).toContain('b down');
    },
    LIMIT_MS,
  );
});
