import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EmbeddedChannel } from '@headrace/core/testing';
import { clientPipeline, makeClient, readAddresses, stateText } from './client.ts';
import { startServer } from './server.ts';

test('comes back after a loss, and sends what was written meanwhile', async (t) => {
  const first = await startServer('127.0.0.1', 0);
  const second = await startServer('127.0.0.1', 0);
  const lines: string[] = [];
  const states: string[] = [];
  const { promise, resolve } = later<number>();
  const client = makeClient({
    addresses: [first, second].map(({ port }) => ({ host: '127.0.0.1', port })),
    onLine: (line) => resolve(lines.push(line)),
  });
  t.after(() => Promise.all([client.close(), first.close(), second.close()]));
  client.on('state', ({ name }) => states.push(name));
  await client.start();
  const used = first.connections.size === 1 ? first : second;
  await used.shutdown();
  await client.channel?.closed;
  client.writeAndFlush('hello'); // there is no connection: it waits
  await promise;
  assert.deepEqual(lines, ['hello']);
  assert.deepEqual([states[0], states[1], states.at(-1)], ['connecting', 'online', 'online']);
});

test('notices a server that is silent', () => {
  const channel = new EmbeddedChannel();
  clientPipeline({ onLine: () => {} }).initialize(channel);
  channel.advance(10_000);
  assert.equal(String(channel.readOutbound()), 'PING\n');
  channel.advance(30_000); // virtual time: nothing waits
  assert.equal(channel.closeInfo?.reason, 'heartbeat');
});

test('reads addresses, and names a wrong one', () => {
  assert.deepEqual(readAddresses('a:1, [::1]:9000'), [
    { host: 'a', port: 1 },
    { host: '::1', port: 9000 },
  ]);
  for (const wrong of ['', 'a', 'a:', 'a:0', 'a:70000', ':9000', 'a:1,']) {
    assert.throws(() => readAddresses(wrong), /ADDRESS is ".*", but must be host:port/);
  }
});

test('describes a loss', async (t) => {
  const client = makeClient({ addresses: [{ host: '127.0.0.1', port: 1 }], onLine: () => {} });
  t.after(() => client.close());
  const { promise, resolve } = later<string>();
  client.on('state', (state) => {
    if (state.name === 'waiting') resolve(stateText(state));
  });
  void client.start();
  assert.match(await promise, /^no connection \(refused\); next try in \d+ ms$/);
});

/** A promise, and the function that fulfills it. */
function later<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((fulfill) => {
    resolve = fulfill;
  });
  return { promise, resolve };
}
