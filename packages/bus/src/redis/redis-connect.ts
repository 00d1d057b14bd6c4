import { importPeer, onAbort, toError } from '@headrace/core/authoring';
import type { RedisClientOptions } from '@redis/client';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import type { ServerOrder } from '../bus/server-order.ts';
import { destroy, type RedisClient } from './redis-client.ts';
import { RedisLink } from './redis-link.ts';
import { fieldOf, refusalOf } from './redis-role.ts';
import { masterUrl } from './redis-sentinel.ts';

/** The server to connect to, and the options of the client. */
export interface RedisTarget {
  readonly client: Readonly<RedisClientOptions> & { readonly url: string };
  /** The Sentinels that know the server, whose name is the host of the URL. */
  readonly sentinels?: ServerOrder;
  /** The time for a connect, in milliseconds. */
  readonly timeoutMs?: number;
}

/** Connects to Redis twice: one connection publishes, and the other connection listens. */
export async function connectToRedis(
  { client: given, sentinels, timeoutMs = 0 }: RedisTarget,
  sink: BusLinkSink,
  host: BusHost,
  signal: AbortSignal,
): Promise<BusLink> {
  const { logger, clock } = host;
  const peer = await importPeer(
    '@redis/client',
    'npm install @redis/client',
    () => import('@redis/client'),
  );
  const create = (options: RedisClientOptions) =>
    peer.createClient(clientOptions(options)) as RedisClient;
  const options =
    sentinels === undefined
      ? given
      : {
          ...given,
          // Half of the time is left for the master.
          url: await masterUrl(
            { create, client: given, sentinels, ms: timeoutMs / 2 },
            host,
            signal,
          ),
        };
  const make = () => create(options);
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
    const maxBytes = await longestOf(publisher);
    if (failure !== undefined) throw failure;
    const parts = { publisher, subscriber, peer, runId, maxBytes, logger, clock };
    return new RedisLink(parts, sink);
  } catch (thrown) {
    end();
    throw toError(thrown);
  } finally {
    stopListening();
  }
}

const LONGEST = 'proto-max-bulk-len';

/** Returns the size of the longest message that the server reads, or `undefined` where nobody may ask for it. */
async function longestOf(publisher: RedisClient): Promise<number | undefined> {
  try {
    const { [LONGEST]: bytes } = await publisher.configGet(LONGEST);
    return Number(bytes) || undefined;
  } catch {
    return undefined;
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
