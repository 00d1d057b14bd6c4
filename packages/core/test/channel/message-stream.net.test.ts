import { once } from 'node:events';
import net from 'node:net';
import { Bootstrap, type Channel, pipeline, ServerBootstrap } from '@headrace/core';
import { expect, it } from 'vitest';
import { Passing, Text } from '../fixture/text.ts';

const host = '127.0.0.1';
const text = pipeline().add(
  () => new Text(),
  () => new Passing(),
);

it('gives the messages in order and ends with the channel', async () => {
  await using server = await new ServerBootstrap()
    .childHandler((channel) => {
      const typed = channel.pipeline.addLast(new Text());
      void collect(channel as unknown as Channel<string, string>, 'reply ');
      return typed;
    })
    .bind({ port: 0, host });
  const channel = await new Bootstrap().handler(text).connect({ port: server.port, host });
  await channel.writeAndFlush('one');
  const seen: string[] = [];
  for await (const message of channel) {
    seen.push(message);
    if (seen.length === 2) break;
    await channel.writeAndFlush('two');
  }
  expect(seen).toEqual(['reply one', 'reply two']);
  expect(channel.isOpen).toBe(false);
});

it('delivers what was read before the peer ended', async () => {
  const server = net.createServer((socket) => socket.end('last words')).listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const channel = await new Bootstrap().handler(text).connect({ port, host });
  const seen: string[] = [];
  for await (const message of channel) seen.push(message);
  expect(seen).toEqual(['last words']);
  server.close();
});

it('sends everything written before the end of the scope', async () => {
  const received: Buffer[] = [];
  const server = net.createServer((socket) => socket.on('data', (data) => received.push(data)));
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  {
    await using channel = await new Bootstrap()
      .handler(text)
      .options({ maxOutboundBytes: Number.POSITIVE_INFINITY })
      .connect({ port, host });
    for (let i = 0; i < 64; i++) void channel.write('x'.repeat(65_536));
  }
  expect(Buffer.concat(received).length).toBe(64 * 65_536);
  server.close();
});

async function collect(channel: Channel<string, string>, prefix: string): Promise<void> {
  for await (const message of channel) await channel.writeAndFlush(prefix + message);
}
