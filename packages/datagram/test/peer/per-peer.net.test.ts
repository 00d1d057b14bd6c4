import { StringCodec } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { perPeer, toPeer } from '@headrace/datagram';
import { EchoHandler } from '@headrace/handlers';
import { expect, it } from 'vitest';
import { Inbox } from '../../../core/test/fixture/inbox.ts';

it('both ends of a channel of datagrams have the same handlers', async () => {
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => channel.pipeline.addLast(new StringCodec(), new EchoHandler()))
    .bind({ listener: perPeer({ port: 0, host: '127.0.0.1' }) });
  const inboxes = [new Inbox(), new Inbox()];
  const clients: Channel[] = [];
  for (const inbox of inboxes) {
    const client = await new Bootstrap()
      .options({ logger: silentLogger })
      .handler((channel) => channel.pipeline.addLast(new StringCodec(), inbox))
      .connect({ transport: toPeer({ host: '127.0.0.1', port: server.port }) });
    clients.push(client as unknown as Channel);
  }
  for (const [i, client] of clients.entries()) await client.writeAndFlush(`from ${i}`);
  await Promise.all(inboxes.map((inbox) => inbox.until(() => inbox.messages.length === 1)));
  expect(inboxes.map(({ messages }) => messages)).toEqual([['from 0'], ['from 1']]);
  expect(server.connections.size).toBe(2);
  for (const client of clients) client.close();
  await server.close();
});

it('frees its port when it is closed', async () => {
  const serve = (port: number) =>
    new ServerBootstrap()
      .childHandler((channel) => channel.pipeline.addLast({ channelRead(_ctx: Context) {} }))
      .bind({ listener: perPeer({ port, host: '127.0.0.1' }) });
  const first = await serve(0);
  await first.close();
  // The system has it back with the next turns.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const second = await serve(first.port);
  expect(second.port).toBe(first.port);
  await second.close();
});
