import {
  Backends,
  ChannelPool,
  exponential,
  fixed,
  httpAddresses,
  ProxyConnector,
  ReconnectingClient,
  requestOnce,
  srvAddresses,
} from '@headrace/client';
import { silentLogger } from '@headrace/core';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { expect } from 'vitest';
import { describeFunctions, SILENT } from '../../../core/test/fixture/function-options.ts';
import { localProxy } from '../proxy/local-proxy.ts';
import { MemoryWorld } from '../reconnect/memory-world.ts';

/** A client that is online where it can be, and loses its connection; then it is closed. */
async function client(options: object, errors: string[]): Promise<void> {
  const world = new MemoryWorld();
  await world.up('a');
  const one = world.client(['a'], { retry: fixed(1000), ...options });
  one.on('loss', ({ error }) => void errors.push(error.message));
  one.on('state', (state) => {
    if (state.name === 'closed')
      errors.push(`${state.error?.message} ${String(state.error?.cause)}`);
  });
  one.start().catch((error: Error) => void errors.push(error.message));
  await world.pass(30_000);
  await world.down('a');
  await world.pass(30_000);
  void one.close();
  await world.pass(1);
  expect(one.state.name).toBe('closed');
  await world.end();
}

async function pool(options: object, errors: string[]): Promise<void> {
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
      (error: Error) => void errors.push(String(error.cause ?? error)),
    );
    await world.pass(3000);
    await leased;
  }
  const closing = one.close();
  await world.pass(1);
  await closing;
  await world.end();
}

/** A client of such addresses, whose places cannot be reached. */
async function addresses(
  make: (world: MemoryWorld) => never,
  losses: string[],
  options = {},
): Promise<void> {
  const world = new MemoryWorld();
  const one = new ReconnectingClient<never>({
    bootstrap: { connect: () => Promise.reject(new Error('nobody is there')) },
    addresses: make(world),
    retry: fixed(1000),
    connectTimeoutMs: 500,
    clock: world.clock,
    logger: silentLogger,
    ...options,
  });
  one.on('loss', ({ error }) => void losses.push(`${error.message} ${String(error.cause)}`));
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

describeFunctions(new URL('../../src/', import.meta.url), {
  'Backends check': async (check, errors) => {
    const clock = new VirtualClock();
    const logger = { log: (_level: string, text: string) => void errors.push(text) };
    using backends = new Backends([{ port: 1 }], { check, clock, logger });
    await passTime(clock, 3000);
    expect(backends.status).toHaveLength(1);
  },
  'httpAddresses fetch': (fetch, errors) =>
    addresses(({ clock }) => httpAddresses('http://a.example/', { fetch, clock }) as never, errors),
  'srvAddresses resolve': (resolve, errors) =>
    addresses(() => srvAddresses('_a._tcp.example', { resolve }) as never, errors),
  'srvAddresses random': (random, errors) =>
    addresses(
      () => srvAddresses('_a._tcp.example', { resolve: records, random } as never) as never,
      errors,
    ),
  'ReconnectingClient ready': (ready, errors) => client({ ready }, errors),
  'ReconnectingClient retry': (retry, errors) => client({ retry }, errors),
  'ReconnectingClient shouldRetry': (shouldRetry, errors) => client({ shouldRetry }, errors),
  'ReconnectingClient random': async (random, errors) => {
    await client({ random, retry: exponential() }, errors);
    await addresses(() => (() => [{ port: 1 }, { port: 2 }]) as never, errors, { random });
  },
  'ChannelPool healthCheck': (healthCheck, errors) =>
    pool({ healthCheck }, errors).then(() => SILENT),
  'ChannelPool onAcquired': (onAcquired, errors) => pool({ onAcquired }, errors),
  'addresses of a client': (ask, errors) => addresses(() => ask as never, errors),
  'bootstrap of a client': (connect, errors) => client({ bootstrap: { connect } }, errors),
  'bootstrap of a pool': (connect, errors) => pool({ bootstrap: { connect } }, errors),
  'bootstrap of requestOnce': async (connect, errors) => {
    const cancel = new AbortController();
    const asking = requestOnce({ port: 1 }, Buffer.from('a'), {
      bootstrap: { connect },
      signal: cancel.signal,
    }).catch((error: Error) => void errors.push(error.message));
    setImmediate(() => cancel.abort(new Error('no more')));
    await asking;
  },
  'bootstrap of a ProxyConnector': async (connect, errors) => {
    const proxy = await localProxy('http');
    proxy.to = proxy.port;
    proxy.waitsForServer = false;
    const cancel = new AbortController();
    const bootstrap = {
      connect: (...args: unknown[]) => {
        setImmediate(() => cancel.abort(new Error('no more')));
        return connect(...args);
      },
    };
    const connector = new ProxyConnector({
      bootstrap,
      protocol: 'http',
      host: '127.0.0.1',
      port: proxy.port,
    });
    await connector
      .connect({ host: 'chat.example', port: 1 }, { signal: cancel.signal })
      .catch((error: Error) => void errors.push(error.message));
    await proxy.close();
  },
  'a listener of a client': async (listener, errors) => {
    const world = new MemoryWorld();
    await world.up('a');
    const logger = {
      log: (_level: string, text: string, error?: Error) =>
        void errors.push(`${text} ${error?.message}`),
    };
    const one = world.client(['a'], { logger });
    one.on('state', listener);
    await world.start(one);
    expect(one.state.name).toBe('online');
    await world.end();
  },
});
