// A worker and its tabs, over the ports of Node.
import { MessageChannel } from 'node:worker_threads';
import {
  type Channel,
  type Context,
  isHeadraceError,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';
import { afterEach, describe, expect, it } from 'vitest';
import { OwnConnectionEvent, SharedWorkerBootstrap, TabServer } from '../../src/index.ts';

const logger = silentLogger;

describe('a server of tabs', () => {
  let server: TabServer | undefined;
  let other: Server | undefined;

  afterEach(async () => {
    await server?.close();
    await other?.close();
  });

  function serve(): TabServer {
    server = new TabServer({
      logger,
      pipeline: (channel) =>
        channel.pipeline.addLast(new WebSocketTextCodec(), {
          channelRead: (ctx: Context, text: string) => void ctx.writeAndFlush(`you said ${text}`),
        }),
    });
    return server;
  }

  /** What `new SharedWorker(…)` does. */
  const workerOf = (of: TabServer) => () => {
    const { port1, port2 } = new MessageChannel();
    of.accept(port2);
    return { port: port1 };
  };

  function tab(read: string[]): SharedWorkerBootstrap {
    return new SharedWorkerBootstrap().options({ logger }).handler((channel) => {
      channel.pipeline.addLast(new WebSocketTextCodec(), {
        channelRead: (_ctx: Context, text: string) => void read.push(text),
      });
    });
  }

  it('answers each tab, and writes to all of them by the group', async () => {
    const tabs = serve();
    const read: string[][] = [[], []];
    const channels = await Promise.all(read.map((one) => tab(one).connect(workerOf(tabs))));
    await expect.poll(() => tabs.tabs.size).toBe(2);
    for (const [number, channel] of channels.entries()) channel.writeAndFlush(`${number}`);
    await expect.poll(() => read).toEqual([['you said 0'], ['you said 1']]);
    await tabs.tabs.writeAndFlush('to all');
    await expect.poll(() => read.map((one) => one.at(-1))).toEqual(['to all', 'to all']);
  });

  it('reports each tab, and when the last one has left', async () => {
    const tabs = serve();
    const events: string[] = [];
    tabs.on('tab', () => events.push('tab'));
    tabs.on('empty', () => events.push('empty'));
    const channels = [await tab([]).connect(workerOf(tabs)), await tab([]).connect(workerOf(tabs))];
    await expect.poll(() => events).toEqual(['tab', 'tab']);
    channels[0]!.close();
    channels[1]!.abort();
    await expect.poll(() => events).toEqual(['tab', 'tab', 'empty']);
  });

  it('closes the channels of all tabs, and takes no more', async () => {
    const tabs = serve();
    const channel = await tab([]).connect(workerOf(tabs));
    await expect.poll(() => tabs.tabs.size).toBe(1);
    await tabs.close();
    await channel.closed;
    const late = await tab([])
      .connect(workerOf(tabs))
      .catch((error: unknown) => error);
    expect(isHeadraceError(late, 'CHANNEL_RESET')).toBe(true);
  });

  it('connects on its own where there is no worker, with halves or not, and fires an event', async () => {
    const endpoint = new HttpEndpoint({
      request: (_request, response) => response.end(),
      webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec()),
    });
    other = await new ServerBootstrap()
      .childOptions({ logger })
      .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
      .bind({ port: 0, host: '127.0.0.1' });
    const events: unknown[] = [];
    const channel: Channel = await new SharedWorkerBootstrap()
      .options({ logger, allowHalfOpen: true, otherwise: `ws://127.0.0.1:${other.port}/ws` })
      .handler((opening) => {
        opening.pipeline.addLast({
          userEventTriggered: (_ctx: Context, event: unknown) => void events.push(event),
        });
      })
      .connect(() => {
        throw new ReferenceError('SharedWorker is not defined');
      });
    await expect
      .poll(() => events.filter((one) => one instanceof OwnConnectionEvent).length)
      .toBe(1);
    expect(channel.isActive).toBe(true);
    channel.close();
    await channel.closed;
  });

  it('is refused without a worker and without another way', async () => {
    const failure = await tab([])
      .connect(() => {
        throw new ReferenceError('SharedWorker is not defined');
      })
      .catch((error: unknown) => error);
    expect(isHeadraceError(failure, 'CHANNEL_REFUSED')).toBe(true);
  });

  it('is refused when the program of the worker cannot run', async () => {
    const { port1 } = new MessageChannel();
    let report = (): void => {};
    const connecting = tab([]).connect(() => ({
      port: port1,
      addEventListener: (_name, listener) => {
        report = listener;
      },
    }));
    const failure = connecting.catch((error: unknown) => error);
    await new Promise((resolve) => setImmediate(resolve));
    report();
    expect(isHeadraceError(await failure, 'CHANNEL_REFUSED')).toBe(true);
  });
});
