import { Bootstrap, type Channel } from '@headrace/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startClient, startServer } from '../src/python-heartbeat.ts';
import { InMemory } from './in-memory.ts';

const EVERY_MS = 50_000;

let world: InMemory;
beforeEach(() => {
  world = new InMemory();
});
afterEach(() => vi.restoreAllMocks());

/** A client that sends what it is told to, and its place in the network. */
async function stranger(): Promise<{ channel: Channel; ip: string; got: () => string }> {
  let got = '';
  const bootstrap = new Bootstrap().options(world.options).handler((channel) => {
    channel.pipeline.addLast({
      channelRead: (_ctx, bytes: Buffer) => {
        got += bytes.toString();
      },
    });
  });
  const channel = await world.done(bootstrap.connect(world.place));
  const address = channel.localAddress!;
  return { channel, ip: 'path' in address ? address.path : address.host, got: () => got };
}

/** What was printed but the connections. */
const told = (): string[] => world.lines.filter((line) => !line.includes(' Connected with '));

it('beats at once and every 50 s, and says when the client is gone', async () => {
  const server = await world.done(startServer(world.place, EVERY_MS, world.options));
  const client = startClient(world.place, EVERY_MS, world.options);
  await world.pass(149_999);
  const alive = `I - ${process.pid} - am alive.`;
  const beat = `ip: memory:server#1 |status: alive |pid: ${process.pid}`;
  expect(world.lines).toEqual([
    '0 Connected with memory:server#1:',
    `0 ${alive}`,
    '0 Welcome to the server!',
    `0 ${beat}`,
    `50 ${alive}`,
    `50 ${beat}`,
    `100 ${alive}`,
    `100 ${beat}`,
  ]);
  await world.done(client.close());
  await world.pass(1);
  expect(world.lines.slice(8)).toEqual([
    '149.999 One Client (IP: memory:server#1) Connected over!',
  ]);
  await world.kill(server);
  expect(world.clock.pendingTimers).toBe(0);
});

it('takes two objects of one read, and one object of three reads', async () => {
  const server = await world.done(startServer(world.place, EVERY_MS, world.options));
  const { channel, got } = await stranger();
  await world.pass(0);
  expect(got()).toBe('Welcome to the server!');
  expect(Buffer.byteLength(got())).toBe(22);
  const beat = (pid: number): string => `{"ip": "10.0.0.7", "status": "alive", "pid": ${pid}}`;
  channel.writeAndFlush(Buffer.from(beat(1) + beat(2)));
  for (const part of [beat(3).slice(0, 5), beat(3).slice(5, 30), beat(3).slice(30)]) {
    channel.writeAndFlush(Buffer.from(part));
    await world.pass(1000);
  }
  channel.close();
  await world.pass(0);
  expect(told()).toEqual([
    '0 ip: 10.0.0.7 |status: alive |pid: 1',
    '0 ip: 10.0.0.7 |status: alive |pid: 2',
    '2 ip: 10.0.0.7 |status: alive |pid: 3',
    '3 One Client (IP: 10.0.0.7) Connected over!',
  ]);
  await world.kill(server);
});

it('names the address of a client that leaves before its first object', async () => {
  const server = await world.done(startServer(world.place, EVERY_MS, world.options));
  const { channel, ip } = await stranger();
  channel.close();
  await world.pass(0);
  expect(told()).toEqual([`0 One Client (IP: ${ip}) Connected over!`]);
  await world.kill(server);
});

it('lets a client go that is silent for 2.5 intervals', async () => {
  const server = await world.done(startServer(world.place, EVERY_MS, world.options));
  const { channel } = await stranger();
  await world.pass(30_000);
  channel.writeAndFlush(Buffer.from('{"ip": "10.0.0.7", "status": "alive", "pid": 1}'));
  await world.pass(500_000);
  expect(told()).toEqual([
    '30 ip: 10.0.0.7 |status: alive |pid: 1',
    '155 One Client (IP: 10.0.0.7) Connected over!',
  ]);
  await world.kill(server);
});

it('refuses a value that is not a status, an object without an end, and half an object after 15 s', async () => {
  const server = await world.done(startServer(world.place, EVERY_MS, world.options));
  for (const bad of [
    'PING',
    '[]',
    '{"ip": "10.0.0.7", "status": "alive"}',
    '{"ip": "10.0.0.7\\nforged", "status": "alive", "pid": 1}',
    `{"ip": "${'x'.repeat(4096)}`,
  ]) {
    const { channel } = await stranger();
    channel.writeAndFlush(Buffer.from(bad));
    await world.pass(0);
    expect([bad, channel.isOpen]).toEqual([bad, false]);
  }
  const { channel } = await stranger();
  channel.writeAndFlush(Buffer.from('{"ip": "10.0'));
  await world.pass(14_999);
  expect(channel.isOpen).toBe(true);
  await world.pass(1);
  expect(channel.isOpen).toBe(false);
  expect(told().filter((line) => !line.endsWith('Connected over!'))).toEqual([]);
  await world.kill(server);
});

it('says each time that the server cannot be reached, and beats once it can', async () => {
  const client = startClient(world.place, EVERY_MS, world.options);
  await world.pass(0);
  expect(world.lines).toEqual([
    expect.stringMatching(/^0 connected to server error: .*nobody listens/),
  ]);
  const server = await world.done(startServer(world.place, EVERY_MS, world.options));
  await world.pass(40_000);
  expect(world.lines.at(-1)).toMatch(/ip: memory:server#\d+ \|status: alive/);
  await world.done(client.close());
  await world.kill(server);
});
