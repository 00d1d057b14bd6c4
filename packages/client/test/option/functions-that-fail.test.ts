// Each option of this package that is a function throws, rejects, and never settles. No process ends by it (vitest fails
// for an unhandled rejection), and what it was given to can be closed in time.
import { readdirSync, readFileSync } from 'node:fs';
import {
  ChannelPool,
  fixed,
  httpAddresses,
  ReconnectingClient,
  srvAddresses,
} from '@headrace/client';
import { silentLogger } from '@headrace/core';
import { expect, it, vi } from 'vitest';
import { MemoryWorld } from '../reconnect/memory-world.ts';

type Failing = () => never;

const WAYS: Readonly<Record<string, () => unknown>> = {
  throws: () => {
    throw new Error('a function of the application');
  },
  rejects: () => Promise.reject(new Error('a function of the application')),
  'never settles': () => new Promise(() => {}),
};

/** A client that is online where it can be, and loses its connection; then it is closed. */
async function client(options: object): Promise<void> {
  const world = new MemoryWorld();
  await world.up('a');
  const one = world.client(['a'], { retry: fixed(1000), ...options });
  one.start().catch(() => {});
  await world.pass(30_000);
  await world.down('a');
  await world.pass(30_000);
  void one.close();
  await world.pass(1);
  expect(one.state.name).toBe('closed');
  await world.end();
}

async function pool(options: object): Promise<void> {
  // What a hook throws is a warning of the process.
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const world = new MemoryWorld();
  await world.up('a');
  const one = new ChannelPool({
    bootstrap: world.bootstrap(),
    place: world.place('a'),
    clock: world.clock,
    acquireTimeoutMs: 1000,
    ...options,
  });
  for (let n = 0; n < 2; n++) {
    const leased = one.acquire().then(
      (lease) => lease.release(),
      () => {},
    );
    await world.pass(3000);
    await leased;
  }
  const closing = one.close();
  await world.pass(1);
  await closing;
  await world.end();
  warn.mockRestore();
}

/** A client of such addresses, whose places cannot be reached. */
async function addresses(make: (world: MemoryWorld) => never, options = {}): Promise<void> {
  const world = new MemoryWorld();
  const losses: string[] = [];
  const one = new ReconnectingClient<never>({
    bootstrap: { connect: () => Promise.reject(new Error('nobody is there')) },
    addresses: make(world),
    retry: fixed(1000),
    connectTimeoutMs: 500,
    clock: world.clock,
    logger: silentLogger,
    ...options,
  });
  one.on('loss', ({ error }) => void losses.push(error.message));
  one.start().catch(() => {});
  await world.pass(10_000);
  expect(losses.length).toBeGreaterThan(0);
  void one.close();
  await world.pass(1);
  expect(one.state.name).toBe('closed');
  await world.end();
}

const records = async () =>
  [1, 2].map((port) => ({ name: 'a.example', port, priority: 0, weight: 1 }));

const ATTEMPTS: Readonly<Record<string, (fails: Failing) => Promise<void>>> = {
  fetch: (fetch) =>
    addresses(({ clock }) => httpAddresses('http://a.example/', { fetch, clock }) as never),
  resolve: (resolve) => addresses(() => srvAddresses('_a._tcp.example', { resolve }) as never),
  ready: (ready) => client({ ready }),
  retry: (retry) => client({ retry }),
  shouldRetry: (shouldRetry) => client({ shouldRetry }),
  random: async (random) => {
    await client({ random });
    await addresses(() => (() => [{ port: 1 }, { port: 2 }]) as never, { random });
    await addresses(
      () => srvAddresses('_a._tcp.example', { resolve: records, random } as never) as never,
    );
  },
  healthCheck: (healthCheck) => pool({ healthCheck }),
  onCreated: (onCreated) => pool({ onCreated }),
  onAcquired: (onAcquired) => pool({ onAcquired }),
  onReleased: (onReleased) => pool({ onReleased }),
};

it.each(
  Object.entries(ATTEMPTS).flatMap(([name, attempt]) =>
    Object.entries(WAYS).map(
      ([way, fails]) => [name, way, () => attempt(fails as Failing)] as const,
    ),
  ),
)('%s that %s ends no process, and what has it can be closed', async (_name, _way, attempt) => {
  await attempt();
});

it('each option that is described as a function is tried', () => {
  const src = new URL('../../src/', import.meta.url);
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      Array.from(
        readFileSync(new URL(file, src), 'utf8').matchAll(/(\w+): fn\(/g),
        ([, name]) => name,
      ),
    );
  expect(Object.keys(ATTEMPTS).toSorted()).toEqual([...new Set(names)].toSorted());
});
