// Servers of a bus that fail while durable groups are written: three NATS servers with three replicas, and Redis with Sentinels.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@headrace/cluster';
import { natsBus } from '@headrace/cluster/nats';
import { redisBus } from '@headrace/cluster/redis';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from '@redis/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
  type ServerProgram,
} from '../../../core/test/fixture/bus-server.ts';
import { freePort } from '../../../core/test/fixture/free-port.ts';
import { type Written, WrittenRooms } from './written-rooms.ts';

const THREE = [0, 1, 2];
const MASTER = 'mymaster';
const absentNats = missing(NATS_SERVER);
const absentRedis = missing(REDIS_SERVER);

/** Resolves when a server has another answer than nothing. */
async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined) return answer;
    if (tries === 300) throw new Error('it has no answer');
    await delay(100);
  }
}

function expectNothingLostAndNothingTwice(written: Written): void {
  const { acknowledged, missing: gaps, twice, isOneOrder, twiceStored } = written;
  expect(acknowledged).toBeGreaterThan(100);
  expect({ gaps, twice, isOneOrder, twiceStored }).toEqual({
    gaps: [0, 0, 0],
    twice: [0, 0, 0],
    isOneOrder: true,
    twiceStored: 0,
  });
}

describe.runIf(absentNats === '')(`three servers of NATS${absentNats}`, () => {
  it('lose and repeat nothing when the leader of the stream is killed, twice', async () => {
    const routes = await Promise.all(THREE.map(() => freePort()));
    const urls = routes.map((port) => `nats://127.0.0.1:${port}`).join(',');
    const servers = await Promise.all(
      THREE.map((i) =>
        BusServer.start(
          NATS_SERVER,
          ...['--name', `n${i}`, '--cluster_name', 'failover', '--routes', urls],
          ...['--cluster', `nats://127.0.0.1:${routes[i]}`],
        ),
      ),
    );
    onTestFinished(async () => {
      await Promise.all(servers.map((server) => server.end()));
    });
    const addresses = servers.map(({ port }) => `nats://127.0.0.1:${port}`);
    const leaderOf = async () => {
      const connection = await connect({ servers: addresses, timeout: 2000 });
      try {
        const manager = await jetstreamManager(connection);
        const { cluster } = await manager.streams.info('hr_pfailover');
        return cluster?.leader === '' ? undefined : cluster?.leader;
      } finally {
        await connection.close();
      }
    };
    await until(async () => {
      const connection = await connect({ servers: addresses, timeout: 2000 });
      const manager = await jetstreamManager(connection).finally(() => void connection.close());
      return manager;
    });
    const rooms = await WrittenRooms.start(
      THREE.map((i) =>
        natsBus({ servers: [addresses[i]!, ...addresses.filter((_, j) => j !== i)], replicas: 3 }),
      ),
    );
    for (let round = 0; round < 2; round += 1) {
      await delay(3000);
      const leader = servers[Number((await until(leaderOf)).slice(1))]!;
      await leader.kill();
      await delay(6000);
      await leader.start();
      await delay(4000);
    }
    const written = await rooms.end();
    expectNothingLostAndNothingTwice(written);
    expect(written.notStored).toBe(0);
  }, 120_000);
});

/** A Sentinel of the master at this port. It keeps what it learns in its file. */
const sentinelOf = (master: number): ServerProgram => ({
  command: 'redis-sentinel',
  args: (port, folder) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [
      `sentinel monitor ${MASTER} 127.0.0.1 ${master} 2`,
      `sentinel down-after-milliseconds ${MASTER} 1000`,
      `sentinel failover-timeout ${MASTER} 5000`,
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return [file, '--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  },
  asked: 'PING\r\n',
  answer: /^\+PONG/,
});

const absentSentinel = absentRedis || missing(sentinelOf(0));

describe.runIf(absentSentinel === '')(`Redis with Sentinels${absentSentinel}`, () => {
  it('repeats nothing, and loses at most what was under way, when the master is killed, twice', async () => {
    const first = await BusServer.start(REDIS_SERVER);
    const replica = () =>
      BusServer.start(REDIS_SERVER, '--replicaof', '127.0.0.1', String(first.port));
    const servers = [first, await replica(), await replica()];
    const starting = THREE.map(() => BusServer.start(sentinelOf(first.port)));
    const sentinels = await Promise.all(starting);
    onTestFinished(async () => {
      await Promise.all([...sentinels, ...servers].map((server) => server.end()));
    });
    const addresses = sentinels.map(({ port }) => `redis://127.0.0.1:${port}`);
    const asked = await createClient({ url: addresses[0]! })
      .on('error', () => {})
      .connect();
    onTestFinished(() => asked.destroy());
    const ask = async (command: string): Promise<readonly unknown[] | undefined> => {
      const answer: unknown = await asked.sendCommand(['SENTINEL', command, MASTER]);
      return Array.isArray(answer) ? answer : undefined;
    };
    /** When the Sentinels know each other and both replicas. */
    const isWhole = async () => {
      const [others, replicas] = [await ask('SENTINELS'), await ask('REPLICAS')];
      return others?.length === 2 && replicas?.length === 2 ? true : undefined;
    };
    await until(isWhole);
    const rooms = await WrittenRooms.start(
      THREE.map((i) =>
        redisBus({
          url: `redis://${MASTER}`,
          sentinels: [addresses[i]!, ...addresses.filter((_, j) => j !== i)],
        }),
      ),
    );
    const masters: number[] = [];
    for (let round = 0; round < 2; round += 1) {
      await delay(3000);
      const port = Number((await ask('GET-MASTER-ADDR-BY-NAME'))?.[1]);
      masters.push(port);
      const master = servers.find((server) => server.port === port)!;
      await master.kill();
      await delay(8000);
      await master.start();
      await delay(4000);
    }
    const written = await rooms.end();
    expect(new Set(masters).size).toBe(2);
    expectNothingLostAndNothingTwice(written);
    // Redis acknowledges before a replica has the message: what each of the three writers had under way can be lost.
    expect(written.notStored).toBeLessThanOrEqual(6);
  }, 120_000);
});

/** JetStream with room for 4 MB. */
const SMALL_NATS: ServerProgram = {
  ...NATS_SERVER,
  args: (port, folder) => {
    const file = join(folder, 'nats.conf');
    writeFileSync(file, `jetstream { store_dir: "${folder}", max_file_store: 4MB }\n`);
    return ['-a', '127.0.0.1', '-p', String(port), '-c', file];
  },
};

/** Makes a store full, and gives what makes room in it again. */
type Fill = (port: number) => Promise<() => Promise<unknown>>;

async function fillNats(port: number): Promise<() => Promise<unknown>> {
  const connection = await connect({ servers: `nats://127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'filler', subjects: ['filler'] });
  const filled = () => jetstream(connection).publish('filler', new Uint8Array(100_000));
  while (
    await filled().then(
      () => true,
      () => false,
    )
  );
  return async () => {
    await manager.streams.delete('filler');
    await connection.close();
  };
}

async function fillRedis(port: number): Promise<() => Promise<unknown>> {
  const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect();
  await client.sendCommand(['CONFIG', 'SET', 'maxmemory', '1']);
  return async () => {
    await client.sendCommand(['CONFIG', 'SET', 'maxmemory', '0']);
    client.destroy();
  };
}

describe('a store without room', () => {
  const stores = [
    { name: 'NATS', program: SMALL_NATS, fill: fillNats as Fill, bus: natsOf },
    { name: 'Redis', program: REDIS_SERVER, fill: fillRedis as Fill, bus: redisOf },
  ].filter(({ program }) => missing(program) === '');
  const title =
    'a full store of %s refuses messages, and goes on with each once when it has room again';

  it.each(stores.map((store) => [store.name, store] as const))(title, async (_name, store) => {
    const server = await BusServer.start(store.program);
    onTestFinished(() => server.end());
    const rooms = await WrittenRooms.start(THREE.map(() => store.bus(server.port)));
    await delay(2000);
    const makeRoom = await store.fill(server.port);
    // What is on its way is stored or refused.
    await delay(1000);
    const before = rooms.count;
    await delay(7000);
    expect(rooms.count).toBe(before);
    await makeRoom();
    await delay(3000);
    expect(rooms.count).toBeGreaterThan(before);
    const written = await rooms.end();
    expectNothingLostAndNothingTwice(written);
    expect(written.notStored).toBe(0);
  });
});

function natsOf(port: number): Bus {
  return natsBus({ servers: `nats://127.0.0.1:${port}` });
}

function redisOf(port: number): Bus {
  return redisBus({ url: `redis://127.0.0.1:${port}` });
}
