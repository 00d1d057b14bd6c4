import { attempted, urlHost } from '@headrace/core/authoring';
import type { RedisClientOptions } from '@redis/client';
import type { BusHost } from '../bus/bus.ts';
import type { ServerOrder } from '../bus/server-order.ts';
import { destroy, type RedisClient } from './redis-client.ts';

/** A question to Sentinels. */
export interface MasterQuestion {
  readonly create: (options: RedisClientOptions) => RedisClient;
  /** The options for the master. The host of the URL is its name. */
  readonly client: Readonly<RedisClientOptions> & { readonly url: string };
  readonly sentinels: ServerOrder;
  /** The time for all Sentinels together. */
  readonly ms: number;
}

/**
 * Asks Sentinels for the address of a master. Returns the URL with this address. The answer can be out of date, so the caller asks
 * the server for its role.
 */
export async function masterUrl(
  { create, client, sentinels, ms }: MasterQuestion,
  { clock, random }: BusHost,
  signal: AbortSignal,
): Promise<string> {
  const url = new URL(client.url);
  const name = decodeURIComponent(url.hostname);
  const ask = async (sentinel: string, shareMs: number): Promise<readonly string[]> => {
    signal.throwIfAborted();
    const at = new URL(sentinel).host;
    // The user, the password and the database are those of the master.
    const asking = create({ socket: { ...client.socket } as never, url: sentinel });
    asking.on('error', () => {});
    const tooLate = () => new Error(`the Sentinel ${at} has not answered within ${shareMs} ms`);
    try {
      const answer = await attempted(
        async () => {
          await asking.connect();
          const found = await asking.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name]);
          // What nobody may ask for is not known.
          const others = await asking.sendCommand(['SENTINEL', 'SENTINELS', name]).catch(() => []);
          sentinels.learn(othersOf(others, sentinel));
          return found;
        },
        { signal, limit: { clock, timeoutMs: Math.ceil(shareMs), error: tooLate } },
        () => {},
      );
      if (Array.isArray(answer)) return answer.map(String);
      throw new Error(`the Sentinel ${at} knows no master with the name ${name}`);
    } finally {
      destroy(asking);
    }
  };
  const [host = '', port = ''] = await sentinels.try({ ms, now: () => clock.now(), random }, ask);
  url.hostname = urlHost(host);
  url.port = port;
  return String(url);
}

/** Returns the addresses of the other Sentinels, which are asked as this one is. */
function othersOf(answer: unknown, sentinel: string): readonly string[] {
  if (!Array.isArray(answer)) return [];
  return answer.flatMap((fields: unknown) => {
    if (!Array.isArray(fields)) return [];
    const [ip, port] = ['ip', 'port'].map((name) => fields[fields.indexOf(name) + 1]);
    const url = new URL(sentinel);
    url.hostname = urlHost(String(ip));
    url.port = String(port);
    return [String(url)];
  });
}
