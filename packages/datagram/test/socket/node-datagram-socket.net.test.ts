import { Buffer } from 'node:buffer';
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { Context, DatagramSocketUser } from '@headrace/core';
import { describeDatagramTransport } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { type Datagram, DatagramBootstrap } from '../../src/index.ts';
import { canReusePort } from '../../src/socket/datagram-socket-options.ts';
import { NodeDatagramSocket } from '../../src/socket/node-datagram-socket.ts';

describeDatagramTransport(
  { describe, it, expect },
  {
    name: 'node:dgram',
    network: {
      datagramSocket: (place, settings) =>
        new NodeDatagramSocket({ host: '127.0.0.1', ...place }, settings),
    },
  },
);

it('asks for a socket of its own in a worker of node:cluster', async () => {
  const bind = vi.spyOn(dgram.Socket.prototype, 'bind');
  const bootstrap = new DatagramBootstrap().handler(() => {});
  const server = await bootstrap.bind({ host: '127.0.0.1', port: 0 });
  const client = await bootstrap.connect({ host: '127.0.0.1', port: 9 });
  const asked = bind.mock.calls.map(([place]) => (place as dgram.BindOptions).exclusive);
  bind.mockRestore();
  for (const channel of [server, client]) await channel.close();
  expect(asked).toEqual([true, true]);
});

it('receives only from its peer, though the kernel accepted earlier datagrams of others', async () => {
  const settings = {
    family: 4,
    ipv6Only: false,
    reuseAddr: false,
    reusePort: false,
    broadcast: false,
  };
  const place = { host: '127.0.0.1', port: 0, groups: [], peer: { host: '127.0.0.1', port: 9 } };
  const socket = new NodeDatagramSocket(place, settings as never);
  const heard: string[] = [];
  await new Promise<void>((resolve) => {
    const user: Partial<DatagramSocketUser> = {
      bound: resolve,
      arrived: (bytes) => heard.push(String(bytes)),
      closed: () => {},
    };
    socket.open(user as DatagramSocketUser);
  });
  const { socket: own } = socket as unknown as { socket: NodeJS.EventEmitter };
  const from = (address: string, port: number) => ({ address, port, family: 'IPv4', size: 1 });
  own.emit('message', Buffer.from('of the peer'), from('127.0.0.1', 9));
  own.emit('message', Buffer.from('of another port'), from('127.0.0.1', 10));
  own.emit('message', Buffer.from('of another host'), from('127.0.0.2', 9));
  expect(heard).toEqual(['of the peer']);
  await new Promise<void>((resolve) => {
    own.once('close', resolve);
    socket.close();
  });
});

it('says that its own port is taken, and to whom a datagram is too long', async () => {
  const bootstrap = new DatagramBootstrap().handler(() => {});
  const channel = await bootstrap.bind({ host: '127.0.0.1', port: 0 });
  const { port } = channel.localAddress as { readonly port: number };
  const place = { host: '127.0.0.1', port: 9, localAddress: '127.0.0.1', localPort: port };
  await expect(bootstrap.connect(place)).rejects.toMatchObject({ code: 'HR_ERR_BIND_FAILED' });
  const recipient = { host: '127.0.0.1', port: 9 };
  const long = channel.writeAndFlush({ bytes: Buffer.alloc(70_000), recipient });
  await expect(Promise.resolve(long)).rejects.toThrow('to 127.0.0.1:9 is longer');
  channel.close();
  await channel.closed;
});

it('a group that cannot be joined fails the bind', async () => {
  const bind = new DatagramBootstrap()
    .handler(() => {})
    .bind({ host: '127.0.0.1', port: 0, groups: [{ group: '10.0.0.1' }] });
  await expect(bind).rejects.toMatchObject({ code: 'HR_ERR_BIND_FAILED' });
});

it('a send on a socket that is closed fails, and throws nothing', async () => {
  const socket = new NodeDatagramSocket({ host: '127.0.0.1', port: 0, groups: [] }, {
    family: 4,
  } as never);
  const error = await new Promise((resolve) => {
    const bound = () => {
      socket.close();
      socket.send(Buffer.from('late'), '127.0.0.1', 9, resolve);
    };
    socket.open({ bound, closed: () => {} } as never);
  });
  expect(error).toMatchObject({ code: 'ERR_SOCKET_DGRAM_NOT_RUNNING' });
});

const sharesPorts = process.platform === 'linux' && canReusePort();
const where = sharesPorts ? '' : ' (needs Linux, and Node 22.12 or 23.1)';

it.runIf(sharesPorts)(
  `with reusePort two sockets share a port, and each peer has one of them${where}`,
  async () => {
    const peersOf: Set<number>[] = [];
    const share = async (port: number) => {
      const peers = new Set<number>();
      peersOf.push(peers);
      const channel = await new DatagramBootstrap()
        .options({ reusePort: true })
        .handler((self) =>
          self.pipeline.addLast({
            channelRead(ctx: Context, datagram: Datagram) {
              peers.add(datagram.sender.port);
              ctx.writeAndFlush(datagram);
            },
          }),
        )
        .bind({ port, host: '127.0.0.1' });
      return channel;
    };
    const first = await share(0);
    const { port } = first.localAddress as { readonly port: number };
    const second = await share(port);
    const clients = Array.from({ length: 64 }, () => dgram.createSocket('udp4'));
    for (let round = 0; round < 2; round++) {
      for (const client of clients) {
        const answer = once(client, 'message');
        client.send('hello', port, '127.0.0.1');
        await answer;
      }
    }
    const [some, others] = peersOf as [Set<number>, Set<number>];
    expect(some.size + others.size).toBe(clients.length);
    expect(Math.min(some.size, others.size)).toBeGreaterThan(0);
    for (const client of clients) client.close();
    for (const channel of [first, second]) {
      channel.close();
      await channel.closed;
    }
  },
);
