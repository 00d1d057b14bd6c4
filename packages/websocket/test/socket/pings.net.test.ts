// The pings of our ends against the `ws` package, and of one end against the other.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Channel, type Context, type Server, ServerBootstrap } from '@headrace/core';
import { HeartbeatHandler, HeartbeatReceivedEvent } from '@headrace/handlers';
import { afterEach, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import {
  HttpEndpoint,
  WebSocketBootstrap,
  type WebSocketChannel,
  WebSocketTextCodec,
  webSocketHeartbeat,
} from '../../src/index.ts';

let server: Server | undefined;
let library: WebSocketServer | undefined;

afterEach(async () => {
  await server?.close();
  library?.close();
  for (const client of library?.clients ?? []) client.terminate();
  server = library = undefined;
});

function later<T>() {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const RULES = { intervalMs: 20, onlyWhenQuiet: false, format: webSocketHeartbeat() } as const;

/** Adds a heartbeat, and resolves after so many answers. */
function beats(
  { pipeline }: WebSocketChannel,
  answers: number,
  rules: { readonly timeoutMs: number; readonly maxMissed?: number } = { timeoutMs: 10_000 },
): Promise<HeartbeatHandler<never, never>> {
  return new Promise((resolve) => {
    let count = 0;
    const handler = new HeartbeatHandler({ ...RULES, ...rules });
    pipeline.addLast(handler, new WebSocketTextCodec(), {
      channelRead: () => {},
      userEventTriggered(_ctx: Context, event: unknown) {
        if (!(event instanceof HeartbeatReceivedEvent) || event.kind !== 'pong') return;
        count += 1;
        if (count === answers) resolve(handler as never);
      },
    });
  });
}

async function listen(webSocket: (channel: WebSocketChannel) => void): Promise<string> {
  const endpoint = new HttpEndpoint({ webSocket });
  server = await new ServerBootstrap()
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  return `ws://127.0.0.1:${server.port}/ws`;
}

it('a server pings a client of ws, which answers without a line of code', async () => {
  const { promise: beaten, resolve } = later<HeartbeatHandler<never, never>>();
  const url = await listen((channel) => void beats(channel, 3).then(resolve));
  const client = new WebSocket(url);
  let pings = 0;
  client.on('ping', () => {
    pings += 1;
  });
  const handler = await beaten;
  expect(pings).toBeGreaterThanOrEqual(3);
  expect(handler.roundTripMs).toBeGreaterThanOrEqual(0);
  client.terminate();
});

it('a server finds a client that answers no pings', async () => {
  const { promise: closed, resolve } = later<Channel>();
  const url = await listen((channel) => {
    void beats(channel, 1, { timeoutMs: 20, maxMissed: 2 });
    channel.onClosed(() => resolve(channel as Channel));
  });
  const client = new WebSocket(url, { autoPong: false });
  const [code, reason] = (await once(client, 'close')) as [number, Buffer];
  expect([code, String(reason)]).toEqual([1008, 'heartbeat']);
  expect((await closed).closeInfo?.reason).toBe('heartbeat');
});

it('a client pings a server of ws', async () => {
  library = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(library, 'listening');
  const { promise: beaten, resolve } = later<unknown>();
  const { port } = library.address() as AddressInfo;
  const channel = await new WebSocketBootstrap()
    .handler((opening) => void beats(opening, 3).then(resolve))
    .connect(`ws://127.0.0.1:${port}/`);
  await beaten;
  channel.abort();
});

it('both ends ping each other, with compression and messages between', async () => {
  const { promise: beatenThere, resolve: there } = later<unknown>();
  const { promise: beatenHere, resolve: here } = later<unknown>();
  const endpoint = new HttpEndpoint({
    compression: true,
    webSocket: (channel) => void beats(channel, 3).then(there),
  });
  server = await new ServerBootstrap()
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  const channel = await new WebSocketBootstrap()
    .options({ compression: true })
    .handler((opening) => void beats(opening, 3).then(here))
    .connect(`ws://127.0.0.1:${server.port}/ws`);
  for (let i = 0; i < 20; i++) channel.writeAndFlush('long text '.repeat(1000));
  await Promise.all([beatenThere, beatenHere]);
  expect(channel.isOpen).toBe(true);
  channel.abort();
});
