import { type Channel, ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { YamuxHandler } from '@headrace/handlers/yamux';
import { HttpEndpoint, WebSocketBootstrap } from '@headrace/websocket';
import { expect, it } from 'vitest';

it('carries substreams, whose frames are its messages', async () => {
  const endpoint = new HttpEndpoint({
    webSocket: (channel) =>
      channel.pipeline.addLast(
        new YamuxHandler({
          role: 'server',
          childHandler: (substream) => void substream.pipeline.addLast(new EchoHandler()),
        }),
      ),
  });
  const server = await new ServerBootstrap()
    .childHandler((connection) => connection.pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  const yamux = new YamuxHandler({ role: 'client' });
  const socket = await new WebSocketBootstrap()
    .handler((channel) => channel.pipeline.addLast(yamux))
    .connect(`ws://127.0.0.1:${server.port}/ws`);
  const bytes = Buffer.alloc(700_000, 'substreams');
  const echoed = async (): Promise<boolean> => {
    const substream = await yamux.open(() => {});
    const parts: Buffer[] = [];
    let left = bytes.length;
    const whole = new Promise<void>((resolve) => {
      substream.pipeline.addLast({
        channelRead(_ctx, part: Buffer) {
          parts.push(part);
          left -= part.length;
          if (left === 0) resolve();
        },
      });
    });
    substream.writeAndFlush(bytes);
    await whole;
    substream.end();
    await (substream as Channel).closed;
    return Buffer.concat(parts).equals(bytes);
  };
  expect(await Promise.all(Array.from({ length: 10 }, echoed))).toEqual(Array(10).fill(true));
  socket.close();
  await server.close();
});
