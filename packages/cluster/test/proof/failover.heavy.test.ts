// Servers of a bus that fail while durable groups are written: three NATS servers with three replicas, and Redis with Sentinels.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@headrace/bus';
import { natsBus } from '@headrace/bus/nats';
import { redisBus } from '@headrace/bus/redis';
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
import { absentSentinel, Sentinels } from './sentinels.ts';
import { until } from './until.ts';
import { type Written, WrittenRooms } from './written-rooms.ts';

const THREE = [0, 1, 2];
const absentNats = missing(NATS_SERVER);

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

describe.runIf(absentSentinel === '')(`Redis with Sentinels${absentSentinel}`, () => {
  it('repeats nothing, and loses at most what was under way, when the master is killed, twice', async () => {
    const redis = await Sentinels.start();
    onTestFinished(() => redis.end());
    const rooms = await WrittenRooms.start(THREE.map((place) => redis.bus(place)));
    const masters = new Set<BusServer>();
    for (let round = 0; round < 2; round += 1) {
      await delay(3000);
      const killed = await redis.killMaster();
      masters.add(killed);
      // Writers find the new master.
      await delay(4000);
      await killed.start();
      await redis.whole();
    }
    const written = await rooms.end();
    expect(masters.size).toBe(2);
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
