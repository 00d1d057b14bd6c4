import { type Channel, type Context, ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { HttpEndpoint, WebSocketBootstrap } from '@headrace/websocket';
import { YamuxHandler } from '@headrace/yamux';
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

it('closes the substreams of both ends one by one, and the others go on', async () => {
  const echo = (substream: Channel) => void substream.pipeline.addLast(new EchoHandler());
  const ofServer = new YamuxHandler({ role: 'server', childHandler: echo });
  const endpoint = new HttpEndpoint({ webSocket: (channel) => channel.pipeline.addLast(ofServer) });
  const server = await new ServerBootstrap()
    .childHandler((connection) => connection.pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  const ofClient = new YamuxHandler({ role: 'client', childHandler: echo });
  const socket = await new WebSocketBootstrap()
    .handler((channel) => channel.pipeline.addLast(ofClient))
    .connect(`ws://127.0.0.1:${server.port}/ws`);
  const open = async (from: YamuxHandler) => {
    let heard = (_text: string): void => {};
    const substream = await from.open((one) =>
      one.pipeline.addLast({
        channelRead: (_ctx: Context, part: Buffer) => heard(part.toString('latin1')),
      }),
    );
    const talk = (text: string): Promise<string> => {
      substream.writeAndFlush(Buffer.from(text));
      return new Promise((resolve) => {
        heard = resolve;
      });
    };
    return { substream: substream as Channel, talk };
  };
  const all: Awaited<ReturnType<typeof open>>[] = [];
  for (const from of [ofClient, ofServer, ofClient, ofServer]) all.push(await open(from));
  for (let one = all.shift(); one !== undefined; one = all.shift()) {
    const { substream, talk } = one;
    expect(await talk('before its end')).toBe('before its end');
    substream.end();
    await substream.closed;
    for (const other of all) expect(await other.talk('goes on')).toBe('goes on');
  }
  expect(await (await open(ofClient)).talk('a new one')).toBe('a new one');
  socket.close();
  await server.close();
});
