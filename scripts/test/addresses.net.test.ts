// Every place that takes a host takes it in each form in which sockets, `URL` and headers write it.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { hostPlaces, meshBus, meshRegister } from '@headrace/bus/mesh';
import { ProxyConnector, ReconnectingClient } from '@headrace/client';
import { Cluster } from '@headrace/cluster';
import { Bootstrap, type Channel, ServerBootstrap, silentLogger } from '@headrace/core';
import { urlHost } from '@headrace/core/authoring';
import { DatagramBootstrap } from '@headrace/datagram';
import { IpFilterHandler } from '@headrace/handlers';
import { limitedHttpServer } from '@headrace/handlers/health';
import { HttpEndpoint, WebSocketBootstrap } from '@headrace/websocket';
import { afterEach, describe, expect, it } from 'vitest';

const HAS_IPV6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
/** Forms of this machine's own address, and the address as sockets report it. */
const FORMS: readonly (readonly [form: string, address: string])[] = [
  ['127.0.0.1', '127.0.0.1'],
  ...(HAS_IPV6
    ? ([
        ['::1', '::1'],
        ['[::1]', '::1'],
        ['[0:0:0:0:0:0:0:1]', '::1'],
        ['[::ffff:127.0.0.1]', '::ffff:127.0.0.1'],
        ['[::FFFF:7f00:1]', '::ffff:127.0.0.1'],
      ] as const)
    : []),
];
/** Names are looked up, so their address can be of either family. */
const NAMES = ['LOCALHOST', 'localhost.', 'LocalHost.'];

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function server(serve: (socket: Socket) => void = () => {}): Promise<number> {
  const listening = createServer((socket) => {
    socket.on('error', () => {});
    open.push(() => socket.destroy());
    serve(socket);
  });
  listening.listen(0);
  await once(listening, 'listening');
  open.push(() => listening.close());
  return (listening.address() as AddressInfo).port;
}

const bootstrap = () => new Bootstrap().options({ logger: silentLogger }).handler(() => {});
const used = <C extends { close(): unknown }>(channel: C): C => {
  open.push(() => channel.close());
  return channel;
};
const hostOf = (address: Channel['localAddress']) => (address as { host: string }).host;
const portOf = (address: Channel['localAddress']) => (address as { port: number }).port;

/** What connects to a host. Each resolves with the address that it is connected to, or with `true`. */
const CONNECTING: Readonly<Record<string, (host: string) => Promise<unknown>>> = {
  'connect({ host })': async (host) =>
    hostOf(used(await bootstrap().connect({ host, port: await server() })).remoteAddress),
  'an address of a ReconnectingClient': async (host) => {
    const addresses = [{ host, port: await server() }];
    const client = new ReconnectingClient({ bootstrap: bootstrap(), addresses });
    open.push(() => client.close());
    await client.start();
    return true;
  },
  'the host of a proxy, and the host that it is asked for': async (host) => {
    const asked: string[] = [];
    const port = await server((socket) =>
      socket.once('data', (head) => {
        asked.push(String(head).split(' ')[1]!);
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
      }),
    );
    const proxy = { protocol: 'http', host, port } as const;
    const connector = new ProxyConnector({ bootstrap: bootstrap(), ...proxy });
    used(await connector.connect({ host, port: 7 }));
    return asked[0] === `${urlHost(host)}:7`;
  },
  'a URL of a WebSocket': async (host) => {
    const endpoint = new HttpEndpoint({ webSocket: () => {} });
    const bound = await new ServerBootstrap()
      .childOptions({ logger: silentLogger })
      .childHandler(({ pipeline }) => void pipeline.addLast(endpoint.handler()))
      .bind({ port: 0 });
    open.push(() => bound.close());
    const url = `ws://${urlHost(host)}:${bound.port}/ws`;
    used(await new WebSocketBootstrap().handler(() => {}).connect(url));
    return true;
  },
  'connect({ host }) of datagrams': async (host) => {
    const channel = await new DatagramBootstrap()
      .options(host.includes('ffff') || host.includes('FFFF') ? { ipv6Only: false } : {})
      .handler(() => {})
      .connect({ host, port: 9 });
    return hostOf(used(channel).remoteAddress);
  },
};

describe.each(Object.entries(CONNECTING))('%s', (_name, connectTo) => {
  it.each(FORMS)('takes %s', async (form, address) => {
    expect([address, true]).toContain(await connectTo(form));
  });

  it.each(NAMES)('takes %s', async (name) => {
    expect(['127.0.0.1', '::1', true]).toContain(await connectTo(name));
  });
});

/** What listens at a host. Each resolves with the port. */
const LISTENING: Readonly<Record<string, (host: string) => Promise<number>>> = {
  'bind({ host })': async (host) => {
    const bound = await new ServerBootstrap().childHandler(() => {}).bind({ host, port: 0 });
    open.push(() => bound.close());
    return bound.port;
  },
  'a limitedHttpServer': async (host) => {
    const limits = { maxConnections: 9, requestTimeoutMs: 5000, keepAliveMs: 5000 };
    const http = await limitedHttpServer(() => {}, { host, port: 0, ...limits });
    open.push(() => http.close());
    return http.port;
  },
  'a register of a mesh': async (host) => {
    const register = await meshRegister({ host, port: 0, logger: silentLogger });
    open.push(() => register.close());
    return register.port;
  },
};

describe.each(Object.entries(LISTENING))('%s', (_name, listenAt) => {
  it.each([...FORMS, ...NAMES.map((name) => [name, 'localhost'] as const)])(
    'takes %s',
    async (form, address) => {
      const socket = connect(await listenAt(form), address);
      open.push(() => socket.destroy());
      await once(socket, 'connect');
    },
  );
});

it.each(FORMS)('sockets of datagrams take %s', async (form, address) => {
  const options = { logger: silentLogger, ...(address.includes('ffff') && { ipv6Only: false }) };
  const read: unknown[] = [];
  const channel = () =>
    new DatagramBootstrap()
      .options(options)
      .handler(
        ({ pipeline }) =>
          void pipeline.addLast({
            channelRead: (_ctx: unknown, one: unknown) => void read.push(one),
          }),
      )
      .bind({ host: form, port: 0 });
  const [one, two] = [used(await channel()), used(await channel())];
  expect(hostOf(one.localAddress)).toBe(address);
  await two.writeAndFlush({
    bytes: Buffer.from('a'),
    recipient: { host: form, port: portOf(one.localAddress) },
  } as never);
  await expect.poll(() => read.length).toBe(1);
});

it('a lookup of the application can answer in brackets', async () => {
  const port = await server();
  const [form, address] = HAS_IPV6 ? (['[::1]', '::1'] as const) : FORMS[0]!;
  const lookup = (_name: string, options: { all?: boolean }, done: (...args: never[]) => void) =>
    options.all === true
      ? done(...([null, [{ address: form, family: 6 }]] as never[]))
      : done(...([null, form, 6] as never[]));
  const place = { host: 'chat.invalid', port, lookup: lookup as never };
  expect(hostOf(used(await bootstrap().connect(place)).remoteAddress)).toBe(address);
});

it('the nodes of a mesh know each other by any form', async () => {
  const form = HAS_IPV6 ? '[::1]' : '127.0.0.1';
  const register = await meshRegister({ host: form, port: 0, logger: silentLogger });
  open.push(() => register.close());
  const join = () =>
    Cluster.join({
      app: 'a',
      logger: silentLogger,
      bus: meshBus({ host: form, port: 0, register: [{ host: form, port: register.port }] }),
      address: { host: form, port: 1 },
    });
  const nodes = await Promise.all([join(), join()]);
  open.push(() => Promise.all(nodes.map((node) => node.leave())));
  await expect
    .poll(() => nodes.map(({ nodes: all }) => all.length), { timeout: 60_000 })
    .toEqual([2, 2]);
  const found = await hostPlaces(form, 7)({ signal: AbortSignal.timeout(5000) });
  expect(found).toContainEqual({ host: HAS_IPV6 ? '::1' : '127.0.0.1', port: 7 });
});

it.each(['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0', '[::ffff:0.0.0.0]', '0', '0x0'])(
  'a mesh that listens at every address (%s) needs an address for the others',
  (host) => {
    const keys = ['0123456789abcdef0123456789abcdef'];
    expect(() => meshBus({ host, port: 7700, keys })).toThrow('advertise');
  },
);

it.each(['localhost', 'LOCALHOST.', '127.8.9.1', '127.1', '::1', '[::1]', '[::ffff:127.0.0.1]'])(
  'a mesh at %s needs no keys',
  (host) => {
    expect(() => meshBus({ host, port: 7700 })).not.toThrow();
  },
);

it.each(['192.0.2.7', '[2001:db8::1]', 'localhost.example', '128.0.0.1'])(
  'a mesh at %s needs keys',
  (host) => {
    expect(() => meshBus({ host, port: 7700 })).toThrow('keys');
  },
);

it('rules of addresses take an address in brackets, and compare every form', () => {
  const filter = new IpFilterHandler({
    rules: [{ allow: '[2001:db8::7]' }, { allow: '[fd00::]/8' }, { allow: '[::ffff:192.0.2.7]' }],
    otherwise: 'deny',
  });
  for (const host of ['2001:db8::7', '[2001:DB8:0::7]', 'fd12::1%eth0', '192.0.2.7']) {
    expect(filter.allows(host), host).toBe(true);
  }
  expect(filter.allows('2001:db8::8')).toBe(false);
});
