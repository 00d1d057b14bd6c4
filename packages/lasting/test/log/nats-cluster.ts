import { setTimeout as delay } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { BusServer, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { freePort } from '../../../core/test/fixture/free-port.ts';

/** For an election of the cluster that hangs: a minute. */
const MAX_TRIES = 300;
const TRY_MS = 200;

/** Three servers of NATS that store each record together. */
export class NatsCluster {
  private readonly servers: readonly BusServer[];
  private killed: BusServer | undefined = undefined;

  private constructor(servers: readonly BusServer[]) {
    this.servers = servers;
  }

  static async start(): Promise<NatsCluster> {
    const routes = [await freePort(), await freePort(), await freePort()];
    const urls = routes.map((port) => `nats://127.0.0.1:${port}`);
    const servers = await Promise.all(
      urls.map((url, index) => {
        const name = ['--name', `server-${index}`, '--cluster_name', 'cluster'];
        return BusServer.start(NATS_SERVER, ...name, '--cluster', url, '--routes', urls.join());
      }),
    );
    const cluster = new NatsCluster(servers);
    await cluster.elected();
    return cluster;
  }

  get ports(): number[] {
    return this.servers.map(({ port }) => port);
  }

  /** Resolves when the servers have elected the one that creates streams. */
  private async elected(): Promise<void> {
    const connection = await this.connect();
    const manager = await jetstreamManager(connection, { checkAPI: false });
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          await manager.streams.add({ name: 'first', subjects: ['first'], num_replicas: 3 });
          return;
        } catch (thrown) {
          if (tries === MAX_TRIES) throw thrown;
          await delay(TRY_MS);
        }
      }
    } finally {
      await connection.close();
    }
  }

  /** Kills the server that leads this stream. Resolves with the time in which the others have elected another, in milliseconds. */
  async killLeaderOf(stream: string): Promise<number> {
    const connection = await this.connect();
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false });
      const { cluster, config } = await manager.streams.info(stream);
      const leader = this.servers.find((_, index) => cluster?.leader === `server-${index}`)!;
      const beganAt = performance.now();
      this.killed = leader;
      await leader.kill();
      const subject = config.subjects![0]!.replace('*', 'elected');
      const client = jetstream(connection);
      for (let tries = 1; ; tries += 1) {
        try {
          await client.publish(subject);
          return performance.now() - beganAt;
        } catch (thrown) {
          if (tries === MAX_TRIES) throw thrown;
          await delay(TRY_MS);
        }
      }
    } finally {
      await connection.close();
    }
  }

  /** Starts the server that was killed last. */
  async startKilled(): Promise<void> {
    await this.killed?.start();
  }

  async end(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.end()));
  }

  connect(): Promise<NatsConnection> {
    return connect({
      servers: this.ports.map((port) => `nats://127.0.0.1:${port}`),
      maxReconnectAttempts: -1,
    });
  }
}
