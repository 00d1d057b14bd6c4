import { importPeer, onAbort, toError } from '@headrace/core/authoring';
import type { RedisClientOptions } from '@redis/client';
import type { BusHost } from '../bus.ts';
import type { BusLink, BusLinkSink } from '../bus-engine.ts';
import { destroy, type RedisClient } from './redis-client.ts';
import { RedisLink } from './redis-link.ts';
import { fieldOf, refusalOf } from './redis-role.ts';

/** Connects to Redis twice: one connection publishes, and the other connection listens. */
export async function connectToRedis(
  options: Readonly<RedisClientOptions>,
  sink: BusLinkSink,
  { logger, clock }: BusHost,
  signal: AbortSignal,
): Promise<BusLink> {
  const peer = await importPeer(
    '@redis/client',
    'npm install @redis/client',
    () => import('@redis/client'),
  );
  const make = () => peer.createClient(clientOptions(options)) as RedisClient;
  const [publisher, subscriber] = [make(), make()] as const;
  const clients = [publisher, subscriber];
  const end = () => {
    for (const client of clients) destroy(client);
  };
  let failure: Error | undefined;
  for (const client of clients) {
    client.on('error', (thrown: unknown) => {
      failure ??= toError(thrown);
    });
  }
  const stopListening = onAbort(signal, end);
  try {
    await Promise.all(clients.map((client) => client.connect()));
    const server = String(await publisher.sendCommand(['INFO']));
    const refusal = refusalOf(server);
    if (refusal !== undefined) throw new Error(refusal);
    const runId = fieldOf(server, 'run_id') ?? 'unknown';
    if (failure !== undefined) throw failure;
    return new RedisLink({ publisher, subscriber, peer, runId, logger, clock }, sink);
  } catch (thrown) {
    end();
    throw toError(thrown);
  } finally {
    stopListening();
  }
}

function clientOptions(options: Readonly<RedisClientOptions>): RedisClientOptions {
  return {
    ...options,
    // Copied, because the client changes it.
    socket: { ...options.socket } as NonNullable<RedisClientOptions['socket']>,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    // Otherwise the client starts a timer for each command. The bus notices a server that does not answer.
    commandOptions: { timeout: undefined } as never,
  };
}
