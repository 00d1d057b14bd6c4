import { type ClientState, ReconnectingClient } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { Bootstrap, type PortPlace, silentLogger } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
import { afterEach, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.ts';

const CLIENTS = 10_000;
/** Connects under way at a time in the beginning, where nothing is measured. */
const AT_ONCE = 200;

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const clients: ReconnectingClient<PortPlace>[] = [];
let server: ServerProcess | undefined;

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  server?.signal('SIGCONT');
  await server?.kill();
}, 60_000);

interface Story {
  readonly names: string[];
  backAt: number;
}

function clientOf(port: number): { client: ReconnectingClient<PortPlace>; story: Story } {
  const client = new ReconnectingClient<PortPlace>({
    bootstrap: new Bootstrap()
      .options({ logger: silentLogger })
      .handler((channel) => channel.pipeline.addLast(...textLines({ maxLength: 128 }))),
    addresses: [{ host: '127.0.0.1', port }],
    logger: silentLogger,
  });
  const story: Story = { names: [], backAt: 0 };
  client.on('state', ({ name }) => {
    story.names.push(name);
    if (name === 'online') story.backAt = performance.now();
  });
  clients.push(client);
  return { client, story };
}

async function allOnline(port: number): Promise<Story[]> {
  const stories: Story[] = [];
  while (stories.length < CLIENTS) {
    const some = Array.from({ length: AT_ONCE }, () => clientOf(port));
    stories.push(...some.map(({ story }) => story));
    await Promise.all(some.map(({ client }) => client.start()));
  }
  return stories;
}

function busiestSecond(times: readonly number[], sinceMs: number): number {
  const seconds: number[] = [];
  for (const time of times) {
    const second = Math.floor((time - sinceMs) / 1000);
    seconds[second] = (seconds[second] ?? 0) + 1;
  }
  return Math.max(...Array.from(seconds, (count) => count ?? 0));
}

describe('a server that is killed', () => {
  for (const outageMs of [2000, 10_000]) {
    it(`has its 10,000 clients back after ${outageMs / 1000} s, the busiest second at most twice the mean`, async () => {
      server = await ServerProcess.start();
      const { port } = server;
      const stories = await allOnline(port);
      for (const story of stories) story.names.length = 0;

      await server.kill();
      const killedAt = performance.now();
      // A process needs most of a second to listen.
      await delay(outageMs - 800);
      server = await ServerProcess.start(port);
      const listensAt = performance.now();
      const isBack = ({ names }: Story): boolean => names.at(-1) === 'online';
      await expect.poll(() => stories.every(isBack), { timeout: 90_000, interval: 250 }).toBe(true);

      const times = stories.map(({ backAt }) => backAt);
      const lastAt = Math.max(...times);
      const mean = CLIENTS / Math.max(1, (lastAt - listensAt) / 1000);
      // The first second begins a little before the parent has read the port.
      const busiest = busiestSecond(times, Math.min(listensAt, ...times));
      expect(listensAt - killedAt).toBeGreaterThan(outageMs - 800);
      expect(busiest / mean).toBeLessThan(2);
      expect(clients.every((client) => client.channel !== undefined)).toBe(true);
      for (const { names } of stories) {
        const text = names.join(' ');
        expect(text).toMatch(/^(waiting connecting )*waiting connecting online$/);
      }
    }, 180_000);
  }
});

describe('a server that is stopped', () => {
  it('L16 S373 is left within 9 s with the strict heartbeat, and found again', async () => {
    server = await ServerProcess.start();
    const client = new ReconnectingClient<PortPlace>({
      bootstrap: new Bootstrap()
        .options({ logger: silentLogger })
        .handler((channel) =>
          channel.pipeline.addLast(
            ...textLines({ maxLength: 128 }),
            new HeartbeatHandler(HEARTBEAT_PRESETS.strict),
          ),
        ),
      addresses: [{ host: '127.0.0.1', port: server.port }],
      logger: silentLogger,
    });
    clients.push(client);
    const states: ClientState<PortPlace>[] = [];
    client.on('state', (state) => states.push(state));
    await client.start();
    await delay(4000);
    expect(client.state.name).toBe('online');

    server.signal('SIGSTOP');
    const stoppedAt = performance.now();
    const loss = () => states.find((state) => state.name === 'waiting');
    await expect.poll(() => loss(), { timeout: 12_000, interval: 20 }).toBeDefined();
    expect(performance.now() - stoppedAt).toBeLessThan(9000 + 500);
    expect(loss()).toMatchObject({ loss: { kind: 'heartbeat', during: 'online' } });
    server.signal('SIGCONT');
    await expect.poll(() => client.state.name, { timeout: 30_000 }).toBe('online');
  }, 90_000);
});
