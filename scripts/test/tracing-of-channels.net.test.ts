// The span of a channel says who opened it and what carries it, for every kind of channel that the packages make.
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, MemoryNetwork, ServerBootstrap } from '@headrace/core';
import { DatagramBootstrap, perPeer, toPeer } from '@headrace/datagram';
import { TracingHandler } from '@headrace/handlers/opentelemetry';
import { LastingBootstrap, ResumeHandler, ResumeTable } from '@headrace/lasting';
import { HttpEndpoint, HttpTunnel, WebSocketBootstrap } from '@headrace/websocket';
import { YamuxHandler } from '@headrace/yamux';
import { afterEach, expect, it, vi } from 'vitest';

const HOST = '127.0.0.1';
const KINDS = { 1: 'server', 2: 'client' } as const;

const spans = new Map<string, string>();
const ended: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
  spans.clear();
});

interface Given {
  readonly kind: keyof typeof KINDS;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A tracer that keeps who opened a channel, and what carries it. */
const tracer = {
  startSpan(name: string, { kind, attributes }: Given) {
    spans.set(name, `${KINDS[kind]} ${attributes['network.transport']}`);
    return {
      setAttributes: () => {},
      setStatus: () => {},
      recordException: () => {},
      end: () => {},
    };
  },
};
const trace = (spanName: string) => (channel: Channel) =>
  channel.pipeline.addLast(new TracingHandler({ tracer: tracer as never, spanName }), {
    channelRead() {},
  });

function ending<T extends { close(): PromiseLike<unknown> }>(one: T): T {
  ended.push(async () => {
    await one.close();
  });
  return one;
}

async function found(...names: string[]): Promise<string[]> {
  await vi.waitUntil(() => names.every((name) => spans.has(name)), { timeout: 10_000 });
  return names.map((name) => spans.get(name)!);
}

it.each([
  ['tcp', { host: HOST, port: 0 }],
  ['unix', { path: join(tmpdir(), `headrace-${process.pid}.sock`) }],
  ['undefined', { network: new MemoryNetwork(), name: 'a' }],
])('of a connection over %s', async (carrier, place) => {
  const bootstrap = new ServerBootstrap().childHandler(trace('accepted'));
  const server = ending(await bootstrap.bind(place as never));
  const to = 'port' in place ? { ...place, port: server.port } : place;
  ending(await new Bootstrap().handler(trace('own')).connect(to as never));
  expect(await found('accepted', 'own')).toEqual([`server ${carrier}`, `client ${carrier}`]);
});

it.each([
  ['a connection of its own', false],
  ['HTTP requests', true],
])('of a WebSocket over %s', async (_what, isTunnel) => {
  const endpoint = new HttpEndpoint({ webSocket: trace('accepted'), httpTunnel: isTunnel });
  const server = ending(
    await new ServerBootstrap()
      .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
      .bind({ host: HOST, port: 0 }),
  );
  const httpTunnel = isTunnel ? new HttpTunnel({ webSocketAgainMs: 600_000 }) : undefined;
  const bootstrap = new WebSocketBootstrap().handler(trace('own'));
  if (httpTunnel !== undefined) bootstrap.options({ httpTunnel });
  ending(await bootstrap.connect(`ws://${HOST}:${server.port}/ws`));
  const [accepted, own] = await found('accepted', 'own');
  expect([accepted, own?.split(' ')[0]]).toEqual(['server tcp', 'client']);
});

it('of a substream, which either end may open', async () => {
  const [near, far] = [
    new YamuxHandler({ role: 'client', childHandler: trace('accepted by the client') }),
    new YamuxHandler({ role: 'server', childHandler: trace('accepted by the server') }),
  ];
  const server = ending(
    await new ServerBootstrap()
      .childHandler((channel) => channel.pipeline.addLast(far))
      .bind({ host: HOST, port: 0 }),
  );
  const { port } = server;
  ending(
    await new Bootstrap()
      .handler((channel) => channel.pipeline.addLast(near))
      .connect({ host: HOST, port }),
  );
  for (const [mux, name] of [
    [near, 'of the client'],
    [far, 'of the server'],
  ] as const) {
    const stream = await mux.open(trace(name));
    await stream.writeAndFlush(Buffer.from('x'));
  }
  expect(
    await found(
      'accepted by the client',
      'accepted by the server',
      'of the client',
      'of the server',
    ),
  ).toEqual(['server tcp', 'server tcp', 'client tcp', 'client tcp']);
});

it('of datagrams, and of peers that send them', async () => {
  const listener = perPeer({ host: HOST, port: 0 });
  const server = ending(
    await new ServerBootstrap().childHandler(trace('accepted')).bind({ listener }),
  );
  const port = server.port;
  const own = ending(
    await new Bootstrap()
      .handler(trace('own'))
      .connect({ transport: toPeer({ host: HOST, port }) }),
  );
  await own.writeAndFlush(Buffer.from('x'));
  ending(await new DatagramBootstrap().handler(trace('socket')).bind({ host: HOST, port: 0 }));
  expect(await found('accepted', 'own', 'socket')).toEqual([
    'server udp',
    'client udp',
    'client udp',
  ]);
});

it('of a lasting channel, which no one connection carries', async () => {
  const framing = () => lengthPrefixed({ maxFrameLength: 1000 });
  const table = new ResumeTable();
  const server = ending(
    await new ServerBootstrap()
      .childHandler((link) =>
        link.pipeline.addLast(
          ...framing(),
          new ResumeHandler({ table, childHandler: trace('accepted') }),
        ),
      )
      .bind({ host: HOST, port: 0 }),
  );
  const bootstrap = new Bootstrap().handler((link) => link.pipeline.addLast(...framing()));
  const addresses = [{ host: HOST, port: server.port }];
  ending(await new LastingBootstrap({ bootstrap, addresses }).handler(trace('own')).connect());
  const kinds = (await found('accepted', 'own')).map((span) => span.split(' ')[0]);
  expect(kinds).toEqual(['server', 'client']);
});
