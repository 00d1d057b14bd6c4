// Two nodes over a real Redis, each with a port of its own and clients of socket.io-client.
import { redisBus } from '@headrace/bus/redis';
import { Cluster } from '@headrace/cluster';
import { type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { HttpEndpoint } from '@headrace/websocket';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import { BusServer, missing, REDIS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { clusterNodes } from '../../src/cluster.ts';
import { durableNodes } from '../../src/durable.ts';
import { SocketIo, SocketIoNamespace } from '../../src/index.ts';

/** For what hangs only: with the usual ones a node of a busy machine begins without its bus, or gives it up. */
const LIMIT_MS = 30_000;
const PATIENT = { connectTimeoutMs: LIMIT_MS, unheardMs: LIMIT_MS };

const ends: (() => Promise<unknown> | undefined)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function join(port: number, hasLog: boolean) {
  const bus = redisBus({ url: `redis://127.0.0.1:${port}`, ...PATIENT });
  const options = { app: 'smoke', bus, logger: silentLogger, joinTimeoutMs: LIMIT_MS };
  const cluster = await Cluster.join(options);
  ends.push(() => cluster.leave());
  const main = new SocketIoNamespace('/', {
    nodes: (hasLog ? durableNodes : clusterNodes)(cluster as Cluster<never>),
    ...(hasLog ? { recovery: {} } : {}),
    events: {
      say: (socket, room: string, what: unknown) => void socket.to(room).emit('said', what),
    },
  });
  const endpoint = new HttpEndpoint({ sessions: new SocketIo({ namespaces: [main] }) });
  const server: Server = await new ServerBootstrap()
    .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
    .bind({ port: 0, host: '127.0.0.1' });
  ends.push(() => server.close());
  await bus.settled();
  return { main, url: `http://127.0.0.1:${server.port}` };
}

async function connect(url: string): Promise<Socket> {
  const client = io(url, { forceNew: true, transports: ['websocket'] });
  ends.push(async () => void client.disconnect());
  await new Promise((resolve) => client.once('connect', () => resolve(undefined)));
  return client;
}

const absent = missing(REDIS_SERVER);

describe.runIf(absent === '')(`a namespace over a real redis-server${absent}`, () => {
  it.each([false, true])(
    'has rooms of both nodes, with a log: %s',
    async (hasLog) => {
      const redis = await BusServer.start(REDIS_SERVER);
      ends.push(() => redis.end());
      const [one, two] = [await join(redis.port, hasLog), await join(redis.port, hasLog)];
      const [a, b] = [await connect(one.url), await connect(two.url)];
      const heard: unknown[] = [];
      b.on('said', (what) => heard.push(what));

      one.main.in(b.id!).socketsJoin('room');
      const ids = async () => (await one.main.in('room').fetchSockets()).map(({ id }) => id);
      await expect.poll(ids, { timeout: LIMIT_MS }).toEqual([b.id]);
      a.emit('say', 'room', { bytes: Buffer.of(1, 2) });
      await expect.poll(() => heard, { timeout: LIMIT_MS }).toEqual([{ bytes: Buffer.of(1, 2) }]);

      const ended = new Promise((resolve) => b.once('disconnect', resolve));
      one.main.in('room').disconnectSockets(true);
      expect(await ended).toMatch(/disconnect|close/);
      expect(a.connected).toBe(true);
    },
    LIMIT_MS,
  );
});
