import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bus } from '@headrace/bus';
import { redisBus } from '@headrace/bus/redis';
import { createClient } from '@redis/client';
import {
  BusServer,
  missing,
  REDIS_SERVER,
  type ServerProgram,
} from '../../../core/test/fixture/bus-server.ts';
import { until } from './until.ts';

const MASTER = 'mymaster';

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

export const absentSentinel = missing(REDIS_SERVER) || missing(sentinelOf(0));

/** A master of Redis with two replicas, and three Sentinels. */
export class Sentinels {
  private readonly servers: readonly BusServer[];
  private readonly sentinels: readonly BusServer[];
  private readonly asked: ReturnType<typeof createClient>;

  private constructor(servers: readonly BusServer[], sentinels: readonly BusServer[]) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.asked = createClient({ url: this.addresses[0]! });
    this.asked.on('error', () => {});
  }

  /** Resolves when the Sentinels know each other and both replicas. */
  static async start(): Promise<Sentinels> {
    const first = await BusServer.start(REDIS_SERVER);
    const replica = () =>
      BusServer.start(REDIS_SERVER, '--replicaof', '127.0.0.1', String(first.port));
    const servers = [first, await replica(), await replica()];
    const starting = servers.map(() => BusServer.start(sentinelOf(first.port)));
    const all = new Sentinels(servers, await Promise.all(starting));
    await all.asked.connect();
    await until(async () => {
      const [others, replicas] = [await all.ask('SENTINELS'), await all.ask('REPLICAS')];
      return others?.length === 2 && replicas?.length === 2 ? true : undefined;
    });
    return all;
  }

  /** A bus that asks one of the Sentinels first. */
  bus(place: number): Bus {
    const { addresses } = this;
    const sentinels = [addresses[place]!, ...addresses.filter((_, i) => i !== place)];
    return redisBus({ url: `redis://${MASTER}`, sentinels });
  }

  async master(): Promise<BusServer> {
    const port = Number((await this.ask('GET-MASTER-ADDR-BY-NAME'))?.[1]);
    return this.servers.find((server) => server.port === port)!;
  }

  /** Kills the master. Resolves with it when the Sentinels have made a replica the master. */
  async killMaster(): Promise<BusServer> {
    const killed = await this.master();
    await killed.kill();
    await until(async () => ((await this.master()) === killed ? undefined : true));
    return killed;
  }

  /**
   * Resolves when the master has both replicas. A killed master that is started again is a master with old data at first, until
   * the Sentinels have seen it for eight seconds. If the present master is killed meanwhile, the old data can come back.
   */
  async whole(): Promise<void> {
    await until(async () => {
      const { port } = await this.master();
      const client = createClient({
        url: `redis://127.0.0.1:${port}`,
        socket: { reconnectStrategy: false },
      });
      client.on('error', () => {});
      await client.connect();
      const info = String(await client.sendCommand(['INFO', 'replication']));
      client.destroy();
      return info.match(/state=online/g)?.length === 2 ? true : undefined;
    });
  }

  async end(): Promise<void> {
    this.asked.destroy();
    await Promise.all([...this.sentinels, ...this.servers].map((server) => server.end()));
  }

  private get addresses(): readonly string[] {
    return this.sentinels.map(({ port }) => `redis://127.0.0.1:${port}`);
  }

  private async ask(command: string): Promise<readonly unknown[] | undefined> {
    const answer: unknown = await this.asked.sendCommand(['SENTINEL', command, MASTER]);
    return Array.isArray(answer) ? answer : undefined;
  }
}
