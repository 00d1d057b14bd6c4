import { once } from 'node:events';
import net from 'node:net';
import {
  Bootstrap,
  type Channel,
  type Context,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { makeAuthority } from '../fixture/certificates.ts';
import { Inbox } from '../fixture/inbox.ts';

const authority = await makeAuthority('ours');
const own = await authority.sign('localhost', '127.0.0.1');
const COUNT = 400;
let server: Server;

afterEach(() => server.close());

async function echoServer(): Promise<void> {
  server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) =>
      channel.pipeline.addLast({
        channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(bytes),
      }),
    )
    .bind({ port: 0, host: '127.0.0.1', tls: own });
}

async function connect(inbox: Inbox): Promise<Channel> {
  const channel = await new Bootstrap()
    .options({ logger: silentLogger })
    .handler((one) => void one.pipeline.addLast(inbox))
    .connect({ port: server.port, host: '127.0.0.1', tls: { ca: authority.ca } });
  return channel as Channel;
}

/** Few at once, so that a busy machine ends each handshake in its time. */
const AT_ONCE = 20;

async function connectAll(inboxes: readonly Inbox[]): Promise<Channel[]> {
  const channels: Channel[] = [];
  for (let at = 0; at < inboxes.length; at += AT_ONCE) {
    channels.push(...(await Promise.all(inboxes.slice(at, at + AT_ONCE).map(connect))));
  }
  return channels;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('TLS with many', () => {
  it('serves hundreds through a reload of its certificate, and drops none', async () => {
    await echoServer();
    const inboxes = Array.from({ length: COUNT }, () => new Inbox());
    const first = await connectAll(inboxes.slice(0, COUNT / 2));
    server.reloadTls(await authority.sign('localhost', '127.0.0.1'));
    const second = await connectAll(inboxes.slice(COUNT / 2));
    const channels = [...first, ...second];
    for (const channel of channels) channel.writeAndFlush(Buffer.from('hello'));
    await Promise.all(inboxes.map((inbox) => inbox.until(() => inbox.messages.length > 0)));
    expect(server.connections.size).toBe(COUNT);
    expect([server.tlsFailures, channels.filter((channel) => !channel.isActive)]).toEqual([0, []]);
    for (const channel of channels) channel.end();
    await Promise.all(channels.map((channel) => channel.closed));
    while (server.connections.size > 0) await turn();
  });

  it('survives peers that leave at every point of the handshake, with nothing left', async () => {
    await echoServer();
    const hello = await clientHello();
    let accepted = 0;
    server.on('connection', () => {
      accepted += 1;
    });
    const before = process.getActiveResourcesInfo().length;
    for (let round = 0; round < COUNT; round++) {
      const socket = net.connect(server.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(hello.subarray(0, (round * 7) % (hello.length + 1)));
      if (round % 3 === 0) await turn();
      if (round % 2 === 0) socket.resetAndDestroy();
      else socket.destroy();
    }
    while (accepted < COUNT || server.connections.size > 0) await turn();
    expect(server.tlsFailures).toBe(COUNT);
    // Node lets go of handles some turns after their close.
    await expect
      .poll(() => process.getActiveResourcesInfo().length)
      .toBeLessThanOrEqual(before + 2);
    const channel = await connect(new Inbox());
    await channel.close();
  });
});

/** What a client sends first. */
async function clientHello(): Promise<Buffer> {
  const spy = net.createServer().listen(0, '127.0.0.1');
  await once(spy, 'listening');
  const { port } = spy.address() as net.AddressInfo;
  const connecting = new Bootstrap()
    .options({ logger: silentLogger })
    .handler(() => {})
    .connect({ port, host: '127.0.0.1', tls: { ca: authority.ca } })
    .catch(() => {});
  const [socket] = (await once(spy, 'connection')) as [net.Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  spy.close();
  await connecting;
  return hello;
}
