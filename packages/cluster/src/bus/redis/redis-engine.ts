import { toError } from '@headrace/core/authoring';
import type { RedisClientOptions } from '@redis/client';
import type { BusHost } from '../bus.ts';
import type { BusEngine, BusLink, BusLinkSink } from '../bus-engine.ts';
import { importPeer } from '../peer-package.ts';
import { destroy, type RedisClient } from './redis-client.ts';
import { RedisLink } from './redis-link.ts';

/** What a {@link RedisEngine} connects to, and how. */
export interface RedisEngineOptions {
  readonly name: string;
  readonly client: Readonly<RedisClientOptions>;
}

/** Pairs of connections to Redis: one publishes, the other one listens. */
export class RedisEngine implements BusEngine {
  readonly name: string;
  readonly hasLog = true;
  private readonly options: RedisEngineOptions;

  constructor(options: RedisEngineOptions) {
    this.name = options.name;
    this.options = options;
  }

  async connect(sink: BusLinkSink, _host: BusHost, signal: AbortSignal): Promise<BusLink> {
    const peer = await importPeer(
      '@redis/client',
      'npm install @redis/client',
      () => import('@redis/client'),
    );
    const clients = [this.make(peer), this.make(peer)] as const;
    const end = () => {
      for (const client of clients) destroy(client);
    };
    let failure: Error | undefined;
    for (const client of clients) {
      client.on('error', (thrown: unknown) => {
        failure ??= toError(thrown);
      });
    }
    signal.addEventListener('abort', end, { once: true });
    try {
      await Promise.all(clients.map((client) => client.connect()));
      const [publisher, subscriber] = clients;
      const server = String(await publisher.sendCommand(['INFO', 'server']));
      const runId = /^run_id:(\S+)/m.exec(server)?.[1] ?? 'unknown';
      if (failure !== undefined) throw failure;
      return new RedisLink({ publisher, subscriber, peer, runId }, sink);
    } catch (thrown) {
      end();
      throw toError(thrown);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  private make(peer: typeof import('@redis/client')): RedisClient {
    const { client } = this.options;
    return peer.createClient({
      ...client,
      socket: { ...client.socket } as NonNullable<RedisClientOptions['socket']>,
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      // A timer for each command otherwise; who does not answer is found out by the bus.
      commandOptions: { timeout: undefined } as never,
    }) as RedisClient;
  }
}
