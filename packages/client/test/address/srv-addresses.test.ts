import { ReconnectingClient, srvAddresses } from '@headrace/client';
import {
  Bootstrap,
  isHeadraceError,
  MemoryNetwork,
  type PortPlace,
  ServerBootstrap,
  silentLogger,
  TlsClientContext,
} from '@headrace/core';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const NAME = '_chat._tcp.example.com';
const { signal } = new AbortController();

function record(name: string, priority: number, weight: number) {
  return { name, port: 18888, priority, weight };
}

async function hostsOf(records: ReturnType<typeof record>[], random = Math.random) {
  const find = srvAddresses(NAME, { resolve: () => Promise.resolve(records), random });
  return (await find({ signal })).map(({ host }) => host);
}

describe('srvAddresses', () => {
  it('gives places by priority, and of equal ones by chance according to their weights', async () => {
    const records = [
      record('spare', 20, 9),
      record('big', 10, 3),
      record('small', 10, 1),
      record('none', 10, 0),
    ];
    const firsts = new Map<string, number>();
    let seed = 0;
    // Each number once: the shares are exact.
    const even = () => (seed % 1000) / 1000;
    for (seed = 0; seed < 1000; seed += 1) {
      const hosts = await hostsOf(records, even);
      expect(hosts.at(-1)).toBe('spare');
      firsts.set(hosts[0]!, (firsts.get(hosts[0]!) ?? 0) + 1);
    }
    // Of 0 to 4 the number 0 is of weight 0, 1 is of weight 1, and the others are of weight 3.
    expect(Object.fromEntries(firsts)).toEqual({ none: 200, small: 200, big: 600 });
  });

  it('a client takes them in this order, and the spare one when the others have failed', async () => {
    const clock = new VirtualClock();
    const tried: unknown[] = [];
    const client = new ReconnectingClient<PortPlace>({
      bootstrap: {
        connect: ({ host }) => {
          tried.push(host);
          return Promise.reject(new Error('no'));
        },
      },
      addresses: srvAddresses(NAME, {
        resolve: () => Promise.resolve([record('b', 2, 0), record('c', 3, 0), record('a', 1, 0)]),
      }),
      retry: () => undefined,
      logger: silentLogger,
      random: () => 0,
      clock,
    });
    await client.start().catch(() => {});
    expect(tried).toEqual(['a', 'b', 'c']);
  });

  it('certificates have the name of the service, not one that DNS chose', async () => {
    const resolve = () => Promise.resolve([record('evil.example', 1, 1)]);
    const placeOf = async (name: string, tls: object) =>
      (await srvAddresses(name, { resolve, tls })({ signal }))[0]!.tls;
    expect(await placeOf(NAME, { ca: 'x' })).toEqual({ ca: 'x', servername: 'example.com' });
    expect(await placeOf('chat.service', {})).toEqual({ servername: 'chat.service' });
    expect(await placeOf(NAME, { servername: 'own' })).toEqual({ servername: 'own' });
    const context = new TlsClientContext({ servername: 'own' });
    expect(await placeOf(NAME, context)).toBe(context);
  });

  it('leaves out records with a port that no server has', async () => {
    const resolve = async () =>
      [0, 70_000, 1].map((port) => ({ name: `h${port}`, port, priority: 1, weight: 1 }));
    const find = srvAddresses(NAME, { resolve });
    expect(await find({ signal })).toEqual([{ host: 'h1', port: 1 }]);
    const none = srvAddresses(NAME, { resolve: async () => (await resolve()).slice(0, 1) });
    await expect(none({ signal })).rejects.toThrow('it has no service');
  });

  it('gives no more than 256 places, of the lowest priorities', async () => {
    const records = Array.from({ length: 400 }, (_, i) => record(`h${i}`, i % 2, 1));
    const hosts = await hostsOf(records);
    expect(hosts).toHaveLength(256);
    const isFirst = hosts.map((host) => Number(host!.slice(1)) % 2 === 0);
    expect(isFirst).toEqual(Array.from({ length: 256 }, (_, i) => i < 200));
  });

  it('a client does not race a place with a spare one, and comes back to it after a loss', async () => {
    const clock = new VirtualClock();
    const network = new MemoryNetwork();
    const server = new ServerBootstrap()
      .options({ logger: silentLogger, clock })
      .childOptions({ logger: silentLogger, clock })
      .childHandler(() => {})
      .bind({ network, name: 'server' });
    await passTime(clock, 1);
    const plain = new Bootstrap().options({ logger: silentLogger, clock }).handler(() => {});
    const tried: unknown[] = [];
    const sleep = (ms: number) => new Promise<void>((done) => clock.schedule(done, ms));
    const client = new ReconnectingClient<PortPlace>({
      bootstrap: {
        connect: async ({ host }) => {
          tried.push(host);
          await sleep(host === 'first' ? 1000 : 1);
          return plain.connect({ network, name: 'server' });
        },
      },
      addresses: srvAddresses(NAME, {
        resolve: async () => [record('first', 1, 0), record('spare', 2, 0)],
      }),
      retry: () => 0,
      logger: silentLogger,
      clock,
    });
    void client.start();
    await passTime(clock, 15_000);
    expect(client.state.name).toBe('online');
    client.channel?.close();
    await passTime(clock, 2000);
    expect([client.state.name, ...tried]).toEqual(['online', 'first', 'first']);
    await passTime(clock, 10_000);
    client.channel?.close('moved');
    await passTime(clock, 2000);
    expect(tried).toEqual(['first', 'first', 'spare']);
    void client.close();
    void server.then((bound) => bound.close());
    await passTime(clock, 3000);
  });

  it('says why there is no place', async () => {
    const errorOf = async (resolve: () => Promise<ReturnType<typeof record>[]>) => {
      try {
        return await srvAddresses(NAME, { resolve })({ signal });
      } catch (error) {
        return (
          isHeadraceError(error, 'CHANNEL_FAILED') && `${error.details['code']} ${error.message}`
        );
      }
    };
    const unknown = Object.assign(new Error('querySrv ENOTFOUND'), { code: 'ENOTFOUND' });
    const text = `the SRV records of ${NAME} give no place:`;
    expect(await errorOf(() => Promise.reject(unknown))).toBe(
      `ENOTFOUND ${text} querySrv ENOTFOUND`,
    );
    expect(await errorOf(async () => [record('.', 0, 0)])).toBe(
      `ENODATA ${text} it has no service`,
    );
    expect(await errorOf(async () => [])).toBe(`ENODATA ${text} it has no service`);
    expect(() => srvAddresses('')).toThrow('must be the name of SRV records');
    expect(() => srvAddresses(NAME, { ttl: 1 } as never)).toThrow('has no option ttl');
  });
});
