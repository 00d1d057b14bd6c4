import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MemoryNetwork, type Server } from '@headrace/core';
import { passTime, VirtualClock } from '@headrace/core/testing';
import { makeClient } from './client.ts';
import { PriceList } from './price-list.ts';
import { servicePipeline, startServer } from './server.ts';
import { prices } from './service.ts';

/** A server and a client in memory, and a clock that we move: nothing here waits. */
async function world({ callsPerSecond = 50 } = {}) {
  const clock = new VirtualClock();
  const place = { network: new MemoryNetwork(), name: 'prices' };
  const list = new PriceList();
  list.set('ACME', 42);
  const service = servicePipeline(list, { callsPerSecond });
  /** What a task gives, while time passes. */
  const during = async <T>(task: Promise<T>): Promise<T> => {
    const state = { isOver: false };
    task.then(
      () => (state.isOver = true),
      () => (state.isOver = true),
    );
    while (!state.isOver) await passTime(clock, 10);
    return task;
  };
  const start = (): Promise<Server> => during(startServer(place, service, clock));
  const server = await start();
  const client = makeClient({ addresses: [place], clock });
  return { clock, list, metrics: service.metrics, start, server, client, during };
}

test('answers a call', async () => {
  const { client, during } = await world();
  assert.deepEqual(await during(client.api.quote({ symbol: 'ACME' })), {
    symbol: 'ACME',
    price: 42,
  });
  const change = client.api.change({ symbol: 'ACME', price: 43 });
  assert.deepEqual(await during(change), { before: 42 });
});

test('refuses a symbol that it does not know, by name, and an input that does not fit', async () => {
  const { client, during } = await world();
  await assert.rejects(during(client.api.quote({ symbol: 'NONE' })), (error) => {
    return prices.errorName(error) === 'NO_SUCH_SYMBOL';
  });
  await assert.rejects(during(client.api.watch({ symbol: 'NONE' }).next()), /there is no NONE/);
  await assert.rejects(during(client.api.change({ symbol: 'ACME', price: -1 })), /-32602/);
});

test('streams each price, until the reader leaves', async () => {
  const { client, list, during } = await world();
  const watch = client.api.watch({ symbol: 'ACME' });
  assert.equal((await during(watch.next())).value?.price, 42);
  const next = watch.next();
  list.set('ACME', 43);
  assert.equal((await during(next)).value?.price, 43);
  await during(watch.return(undefined));
  assert.equal((await during(watch.next())).done, true);
});

test('limits the calls of a caller, and counts what it refuses', async () => {
  const { client, metrics, during } = await world({ callsPerSecond: 2 });
  const change = () => client.api.change({ symbol: 'ACME', price: 1 });
  await assert.rejects(during(Promise.all([change(), change(), change()])), /too fast/);
  assert.match(metrics.text(), /headrace_calls_total\{.*method="change".*overloaded.*\} 1/);
  // An idempotent call comes again when the server says so.
  assert.equal((await during(client.api.quote({ symbol: 'ACME' }))).price, 1);
});

test('comes back after a restart of the server, and follows the prices on', async () => {
  const { clock, client, list, server, start, during } = await world();
  const follow = client.follow('ACME');
  assert.equal((await during(follow.next())).value?.price, 42);
  const next = follow.next();
  for (const connection of server.connections) connection.abort();
  await during(server.close());
  list.set('ACME', 50);
  await passTime(clock, 3_600_000); // an hour without a server
  await start();
  assert.equal((await during(next)).value?.price, 50);
});

test('ends streams before a shutdown, which does not wait for them', async () => {
  const { clock, client, list, server, during } = await world();
  const watch = client.api.watch({ symbol: 'ACME' }, { itemTimeoutMs: false });
  await during(watch.next());
  const last = watch.next();
  const began = clock.now();
  list.end();
  await during(server.shutdown());
  assert.equal((await during(last)).done, true);
  assert.ok(clock.now() - began < 1000);
});

test('has its definition in service.json', async () => {
  const { describeService } = await import('@headrace/rpc');
  const { compareServices } = await import('@headrace/service-check');
  const committed = JSON.parse(readFileSync(new URL('../service.json', import.meta.url), 'utf8'));
  const breaking = compareServices(committed, describeService(prices)).filter(
    ({ breaks }) => breaks,
  );
  assert.deepEqual(breaking, []);
});
