import { setImmediate as turn } from 'node:timers/promises';
import { VirtualClock } from '@headrace/core/testing';
import { expect, it, vi } from 'vitest';
import type { PageLifeListener } from '../../src/reconnect/page-life.ts';
import { ReconnectingClient } from '../../src/reconnect/reconnecting-client.ts';

let page!: PageLifeListener;
vi.mock('../../src/reconnect/page-life.ts', () => ({
  followPage: (listener: PageLifeListener) => {
    page = listener;
    return () => {};
  },
}));

/** A client in a page, whose tries neither succeed nor fail by themselves. */
async function start() {
  const clock = new VirtualClock();
  const tries: AbortSignal[] = [];
  const client = new ReconnectingClient<string>({
    bootstrap: {
      connect: (_place, { signal }) => {
        tries.push(signal);
        return new Promise(() => {});
      },
    },
    addresses: ['/ws'],
    clock,
    connectTimeoutMs: 1000,
    random: () => 0.5,
  });
  void client.start();
  await turn();
  return { client, clock, tries };
}

it('goes on with a try that is under way when its tab is shown', async () => {
  const { client, tries } = await start();
  page.woke();
  page.woke();
  await turn();
  expect(tries.map(({ aborted }) => aborted)).toEqual([false]);
  await client.close();
});

it('tries again when there is another network', async () => {
  const { client, tries } = await start();
  page.networkChanged();
  await turn();
  expect(tries.map(({ aborted }) => aborted)).toEqual([true, false]);
  await client.close();
});

it('waits no longer when its tab is shown', async () => {
  const { client, clock, tries } = await start();
  clock.advance(1000);
  await turn();
  expect(client.state.name).toBe('waiting');
  page.woke();
  await turn();
  expect(tries.map(({ aborted }) => aborted)).toEqual([true, false]);
  await client.close();
});

it('has no try under way in the back/forward cache, and tries at once when it is shown', async () => {
  const { client, tries } = await start();
  page.left(true);
  await turn();
  expect(client.state).toMatchObject({
    name: 'waiting',
    loss: { during: 'connecting', error: { message: 'the page went to the back/forward cache' } },
  });
  expect(tries.map(({ aborted }) => aborted)).toEqual([true]);
  page.woke();
  await turn();
  expect(tries.map(({ aborted }) => aborted)).toEqual([true, false]);
  await client.close();
});
