import { Bootstrap, MemoryNetwork, type MemoryTransport, silentLogger } from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { heartbeat, once, repeat, startServer } from '../src/retry-every-second.ts';

const INTERVAL_MS = 1000;

/** One network on one virtual clock; lines and tries are kept with their times. */
class World extends MemoryNetwork {
  readonly clock = new VirtualClock();
  readonly tries: number[] = [];
  readonly server: string[] = [];
  readonly client: string[] = [];
  readonly options = { clock: this.clock, logger: silentLogger };
  readonly place = { network: this, name: 'server' };

  override connect(name: string, clock: VirtualClock): MemoryTransport {
    this.tries.push(clock.now());
    return super.connect(name, clock);
  }

  readonly printClient = (line: string): void => {
    this.client.push(`${this.clock.now()} ${line}`);
  };

  async up(): Promise<{ down(): void }> {
    const print = (line: string): void => {
      this.server.push(`${this.clock.now()} ${line.replace(/#\d+$/, '')}`);
    };
    const binding = startServer(this.place, INTERVAL_MS, print, this.options);
    await this.settle();
    const server = await binding;
    return {
      down: () => {
        for (const channel of server.connections) channel.abort();
        server.channel.close();
      },
    };
  }

  settle(): Promise<void> {
    return settle(this.clock);
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }
}

it('tries at 0, 1, 2 … s, is on at 6 s, beats every second, and comes back after a loss', async () => {
  const world = new World();
  const close = heartbeat(world.place, INTERVAL_MS, world.printClient, world.options);
  await world.pass(5500);
  expect(world.tries).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
  const first = await world.up();
  await world.pass(3000);
  expect(world.client).toEqual(['6000 Connected to server']);
  expect(world.server).toEqual([
    '6000 Connected by memory:server',
    '6000 Received heartbeat',
    '7000 Received heartbeat',
    '8000 Received heartbeat',
  ]);
  first.down();
  await world.pass(2000);
  await world.up();
  await world.pass(1000);
  expect(world.tries.slice(6)).toEqual([6000, 9500, 10_500, 11_500]);
  expect(world.client).toEqual(['6000 Connected to server', '11500 Connected to server']);
  void close();
  await world.pass(3000);
});

it('exchanges every second, and announces each try that failed', async () => {
  const world = new World();
  void repeat(world.place, INTERVAL_MS, world.printClient, world.options);
  await world.pass(1500);
  const server = await world.up();
  await world.pass(2000);
  server.down();
  await world.pass(1000);
  expect(world.tries).toEqual([0, 1000, 2000, 3000, 4000]);
  const failed = 'Failed to connect to server, retrying in 1 second';
  expect(world.client).toEqual([
    `0 ${failed}`,
    `1000 ${failed}`,
    '2000 Received Hello, world!',
    '3000 Received Hello, world!',
    `4000 ${failed}`,
  ]);
});

it('exchanges once, and fails at once if the port has no listener', async () => {
  const world = new World();
  const failing = once(world.place, world.printClient, world.options);
  await Promise.all([expect(failing).rejects.toThrow('nobody listens'), world.settle()]);
  await world.up();
  const working = once(world.place, world.printClient, world.options);
  await world.pass(2000);
  await working;
  expect(world.client).toEqual(['0 Received Hello, world!']);
});

it('tells heartbeats apart however they are glued and cut, and answers all else', async () => {
  const world = new World();
  await world.up();
  const answers: string[] = [];
  const connecting = new Bootstrap()
    .options(world.options)
    .handler(({ pipeline }) =>
      pipeline.addLast({ channelRead: (_ctx, bytes) => void answers.push(String(bytes)) }),
    )
    .connect(world.place);
  await world.settle();
  const channel = await connecting;
  for (const text of ['heartbeatheartbeatHello', 'hear', 'tbeat', 'é'.repeat(600), 'bye']) {
    channel.writeAndFlush(Buffer.from(text));
    await world.pass(100);
  }
  expect(world.server.map((line) => line.replace(/^\d+ /, ''))).toEqual([
    'Connected by memory:server',
    'Received heartbeat',
    'Received heartbeat',
    'Received Hello',
    'Received heartbeat',
    `Received ${'é'.repeat(512)}`,
    `Received ${'é'.repeat(88)}`,
    'Received bye',
  ]);
  expect(answers.join('')).toBe(`Hello${'é'.repeat(600)}bye`);
  await world.pass(9800);
  expect(channel.isActive).toBe(true);
  await world.pass(200);
  expect(channel.isActive).toBe(false);
});
