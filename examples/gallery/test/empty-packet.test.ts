import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, handler, type Server } from '@headrace/core';
import { HEARTBEAT_PRESETS, type HeartbeatOptions, messageHeartbeat } from '@headrace/handlers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { buildClient, buildServer } from '../src/empty-packet.ts';
import { InMemory } from './in-memory.ts';

const { relaxed, strict } = HEARTBEAT_PRESETS;

let world: InMemory;
beforeEach(() => {
  world = new InMemory();
});
afterEach(() => vi.restoreAllMocks());

const bind = (rules?: HeartbeatOptions<Buffer>): Promise<Server> =>
  world.done(buildServer(rules).childOptions(world.options).bind(world.place));

/** A client of ours; the server misses it after 1000 s. */
const connect = (silenceMs = 1_000_000): Promise<Channel> =>
  world.done(buildClient(silenceMs).options(world.options).connect(world.place));

/** A peer that echoes until it is dead. */
async function mortal(): Promise<{ frames: Buffer[]; die(): void }> {
  const frames: Buffer[] = [];
  let isDead = false;
  const bootstrap = new Bootstrap().options(world.options).handler((channel) =>
    channel.pipeline.addLast(
      ...lengthPrefixed({ maxFrameLength: 1024 }),
      handler<{ reads: Buffer; passesOn: never; writes: Buffer }>({
        channelRead(ctx, frame) {
          frames.push(frame);
          if (!isDead) ctx.writeAndFlush(frame);
        },
      }),
    ),
  );
  await world.done(bootstrap.connect(world.place));
  return {
    frames,
    die() {
      isDead = true;
    },
  };
}

it('sends an empty frame after 10 s of quiet, and gets the same back', async () => {
  const server = await bind({ ...relaxed, jitter: 0 });
  const { frames } = await mortal();
  await world.pass(35_000);
  expect(frames).toEqual([Buffer.alloc(0), Buffer.alloc(0), Buffer.alloc(0)]);
  expect(world.lines).toEqual([
    '0 client 1 is there',
    '10 client 1: heartbeat',
    '20 client 1: heartbeat',
    '30 client 1: heartbeat',
  ]);
  await world.kill(server);
});

it('its client sends the same back, with the data', async () => {
  const format = messageHeartbeat<Buffer>({
    ping: () => Buffer.from(`\0at ${world.clock.now()}`),
    isPing: (frame) => frame[0] === 0,
    pong: (ping) => ping,
  });
  const server = await bind({ ...strict, format, jitter: 0 });
  const channel = await connect();
  await world.pass(7000);
  expect(world.lines).toEqual([
    '0 client 1 is there',
    '3 server: heartbeat at 3000',
    '3 client 1: heartbeat at 3000',
    '6 server: heartbeat at 6000',
    '6 client 1: heartbeat at 6000',
  ]);
  channel.close();
  await world.kill(server);
});

it.each([
  ['relaxed', relaxed, 30_000, 40_000],
  ['strict', strict, 6000, 9000],
] as const)('%s finds a dead client in time, whenever it dies', async (_name, rules, min, max) => {
  for (const share of [0, 0.3, 0.999]) {
    for (const diesAt of [0, 1, 5000, 9999, 10_001, 27_000]) {
      const server = await bind({ ...rules, random: () => share });
      const { die } = await mortal();
      await world.pass(diesAt);
      die();
      const diedAt = world.clock.now();
      await world.pass(min - 1);
      expect([share, diesAt, server.connections.size]).toEqual([share, diesAt, 1]);
      await world.pass(max - min + 1);
      expect([share, diesAt, server.connections.size]).toEqual([share, diesAt, 0]);
      expect(world.lines.at(-1)).toContain('is gone: heartbeat');
      expect(world.clock.now() - diedAt).toBe(max);
      await world.kill(server);
    }
  }
});

it('ends a connection without messages for 120 s, although its heartbeats are answered', async () => {
  const server = await bind(relaxed);
  const quiet = await connect();
  const reading = await connect();
  const writing = await connect();
  await world.pass(50_000);
  writing.writeAndFlush('hello');
  await world.pass(10_000);
  server.connections.writeAndFlush('to you', (channel) => channel === [...server.connections][1]);
  await world.pass(59_999);
  expect(quiet.isOpen).toBe(true);
  await world.pass(200_000);
  const isNoHeartbeat = (line: string): boolean => !line.includes('heartbeat');
  expect(world.lines.filter(isNoHeartbeat)).toEqual([
    '0 client 1 is there',
    '0 client 2 is there',
    '0 client 3 is there',
    '50 client 3: hello',
    '60 server: to you',
    '120 client 1 is gone: idle',
    '170 client 3 is gone: idle',
    '180 client 2 is gone: idle',
  ]);
  expect([quiet, reading, writing].map(({ isOpen }) => isOpen)).toEqual([false, false, false]);
  await world.kill(server);
});

it('a client misses a server that is silent', async () => {
  const server = await bind();
  const channel = await connect(30_000);
  await world.pass(29_999);
  expect(channel.isOpen).toBe(true);
  await world.pass(1);
  expect(channel.closeInfo?.reason).toBe('heartbeat');
  await world.kill(server);
});

it('refuses a frame above 1024 bytes, and half a frame after 15 s', async () => {
  const server = await bind(relaxed);
  const bootstrap = new Bootstrap().options(world.options).handler(() => {});
  const long = await world.done(bootstrap.connect(world.place));
  const half = await world.done(bootstrap.connect(world.place));
  long.writeAndFlush(Buffer.from([0, 0, 4, 1]));
  half.writeAndFlush(Buffer.from([0, 0, 4, 0, 65]));
  await world.pass(0);
  expect(long.isOpen).toBe(false);
  await world.pass(14_999);
  expect(half.isOpen).toBe(true);
  await world.pass(1);
  expect(half.isOpen).toBe(false);
  await world.kill(server);
});
