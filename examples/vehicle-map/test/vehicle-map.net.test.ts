import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { LiveState } from '@headrace/client';
import { type Channel, handler, type Logger, silentLogger } from '@headrace/core';
import type { StateMessage } from '@headrace/durable';
import { WebSocketBootstrap, WebSocketJsonCodec, WebSocketTextCodec } from '@headrace/websocket';
import { afterEach, describe, expect, it } from 'vitest';
import { type MapServer, type Place, startMap } from '../src/map-server.ts';
import { startVehicles } from '../src/vehicles.ts';

const host = '127.0.0.1';
let map: MapServer;
const closes: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closes.splice(0)) await close();
  await map[Symbol.asyncDispose]();
});

async function start(silentMs = 60_000, logger: Logger = silentLogger): Promise<void> {
  map = await startMap({
    vehiclePort: 0,
    pagePort: 0,
    program: async () => 'the program',
    silentMs,
    logger,
  });
}

const url = (path: string): string => `http://${host}:${map.pages.port}${path}`;
const report = (id: string, x = 0.5, y = 0.5): string => `${JSON.stringify({ id, x, y })}\n`;

/** A vehicle over TCP. */
function tcp(): Socket {
  const socket = connect({ host, port: map.connections.port }).on('error', () => {});
  socket.resume();
  closes.push(() => socket.destroy());
  return socket;
}

/** A vehicle over UDP. */
function udp() {
  const socket = createSocket('udp4');
  closes.push(() => socket.close());
  return (text: string | Buffer) =>
    new Promise((resolve) => socket.send(text, map.datagrams.port, host, resolve));
}

/** A page's half of the state. Returns its connection, and notes the messages. */
async function look(live: LiveState<Place>, messages: StateMessage<Place>[] = []) {
  const takes = handler<{ reads: StateMessage<Place>; passesOn: never; writes: object }>({
    channelRead(_ctx, message) {
      messages.push(message);
      live.take(message);
    },
  });
  const channel = await new WebSocketBootstrap()
    .handler(({ pipeline }) => pipeline.addLast(new WebSocketJsonCodec(), takes))
    .connect(url('/map').replace('http', 'ws'));
  closes.push(() => channel.close());
  await channel.writeAndFlush({ since: live.begin() });
  return channel;
}

const keys = (live: LiveState<Place>) => () => Array.from(live.entries(), ([key]) => key).sort();

describe('the map', () => {
  it('has a vehicle over TCP as long as its connection lives, and one over UDP for some time after its last report', async () => {
    await start(400);
    const live = new LiveState<Place>('vehicles');
    const tram = tcp();
    tram.write(report('tram', 0.25));
    await look(live);
    const drives = setInterval(() => tram.write(report('tram', 0.75)), 50);
    closes.push(() => clearInterval(drives));
    await udp()(report('bike'));
    await expect.poll(keys(live)).toEqual(['bike', 'tram']);
    expect(live.get('bike')).toEqual({ x: 0.5, y: 0.5, via: 'udp' });
    await expect.poll(() => live.get('tram')).toEqual({ x: 0.75, y: 0.5, via: 'tcp' });
    await expect.poll(keys(live)).toEqual(['tram']);
    clearInterval(drives);
    tram.destroy();
    await expect.poll(keys(live)).toEqual([]);
  });

  it('drops a vehicle over TCP that is silent, although its connection is open, without a warning', async () => {
    const warnings: string[] = [];
    await start(300, {
      log: (level, line) => void (level !== 'debug' && warnings.push(line)),
    });
    const live = new LiveState<Place>('vehicles');
    await look(live);
    const ended = new Promise((resolve) => tcp().once('close', resolve).write(report('tram')));
    await expect.poll(keys(live)).toEqual(['tram']);
    await ended;
    await expect.poll(keys(live)).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('gives a page that comes back only what has changed', async () => {
    await start();
    const live = new LiveState<Place>('vehicles');
    const send = udp();
    const tram = tcp();
    tram.write(report('tram'));
    await send(report('bike'));
    const page = await look(live);
    await expect.poll(keys(live)).toEqual(['bike', 'tram']);
    await expect.poll(() => live.status).toBe('ready');
    await page.close();
    tram.destroy();
    tcp().write(report('bus'));
    const other = new LiveState<Place>('vehicles');
    await look(other);
    await expect.poll(keys(other)).toEqual(['bike', 'bus']);
    const messages: StateMessage<Place>[] = [];
    await look(live, messages);
    await expect.poll(keys(live)).toEqual(['bike', 'bus']);
    expect(messages[0]).toMatchObject({ type: 'begin', recovered: true });
    const changes = messages.flatMap((message) => ('key' in message ? [message.key] : []));
    expect(changes.sort()).toEqual(['bus', 'tram']);
  });

  it.each([
    ['no JSON', 'hello\n'],
    ['a place that is not on the map', report('tram', 2)],
    ['an id that is no name', report('<b>', 0.5)],
    ['another id than before', report('tram') + report('bus')],
    ['a line without an end', 'x'.repeat(5000)],
    ['no text', Buffer.from([0x16, 0x03, 0x01, 0xff, 0x0a])],
  ])('ends a connection that sends %s, and ignores such a datagram', async (_what, garbage) => {
    await start();
    const live = new LiveState<Place>('vehicles');
    await look(live);
    await new Promise((resolve) => tcp().once('close', resolve).write(garbage));
    const send = udp();
    for (const one of String(garbage).split(/(?<=\n)/)) await send(one);
    await send(Buffer.from(garbage));
    await send(report(String(garbage).startsWith(report('tram')) ? 'tram' : 'bike', 0.125));
    await expect.poll(() => Array.from(live, ([, { x }]) => x)).toEqual([0.125]);
  });

  it.each([
    ['no JSON', 'hello'],
    ['another message', '{"since":7}'],
    ['a position that is none', '{"since":{"epoch":"e","offset":-1}}'],
  ])('closes the WebSocket of a page that sends %s, and serves others', async (_what, garbage) => {
    await start();
    const page: Channel<unknown, string> = await new WebSocketBootstrap()
      .handler(({ pipeline }) => pipeline.addLast(new WebSocketTextCodec()))
      .connect(url('/map').replace('http', 'ws'));
    await page.writeAndFlush(garbage);
    await page.closed;
    const live = new LiveState<Place>('vehicles');
    await look(live);
    await expect.poll(() => live.status).toBe('ready');
    expect(await (await fetch(url('/page.js'))).text()).toBe('the program');
    expect((await fetch(url('/elsewhere'))).status).toBe(404);
  });

  it('has all simulated vehicles, half of them over TCP, until they stop', async () => {
    await start(2000);
    const live = new LiveState<Place>('vehicles');
    await look(live);
    const stop = await startVehicles({
      count: 40,
      tcpPort: map.connections.port,
      udpPort: map.datagrams.port,
      logger: silentLogger,
    });
    await expect.poll(() => live.size).toBe(40);
    expect(Array.from(live).filter(([, { via }]) => via === 'tcp')).toHaveLength(20);
    await stop();
    await expect.poll(() => live.size).toBe(0);
  });

  it('has vehicles that say in one line that all are connected, and that none is', async () => {
    await start();
    const lines: string[] = [];
    const stop = await startVehicles({
      count: 40,
      tcpPort: map.connections.port,
      udpPort: map.datagrams.port,
      say: (line) => void lines.push(line),
      logger: silentLogger,
    });
    closes.push(stop);
    await expect.poll(() => lines).toEqual(['all 20 vehicles over TCP are connected']);
    const { port } = map.connections;
    await map.connections.close();
    await expect.poll(() => lines).toHaveLength(2);
    expect(lines[1]).toMatch(`no connection to TCP port ${port} (`);
    expect(lines[1]).toMatch(/\((peer|reset|refused)\): 20 vehicles try again$/);
    await stop();
    expect(lines).toHaveLength(2);
  });
});
