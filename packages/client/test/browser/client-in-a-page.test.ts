import { setImmediate as turn } from 'node:timers/promises';
import type { Channel } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';
import type { PageLifeListener } from '../../src/reconnect/page-life.ts';
import { ReconnectingClient } from '../../src/reconnect/reconnecting-client.ts';

let page!: PageLifeListener;
vi.mock('../../src/reconnect/page-life.ts', () => ({
  followPage: (listener: PageLifeListener) => {
    page = listener;
    return () => {};
  },
}));

interface StartOptions {
  readonly connectTimeoutMs?: number;
  readonly ready?: () => Promise<void>;
  /** What a connect waits for. */
  readonly waitFor?: () => Promise<void>;
}

/** A client in a page. Without `ready`, its tries neither succeed nor fail by themselves. */
async function start({ connectTimeoutMs = 1000, ready, waitFor }: StartOptions = {}) {
  const clock = new VirtualClock();
  const tries: AbortSignal[] = [];
  const opened: Channel[] = [];
  const client = new ReconnectingClient<string>({
    bootstrap: {
      connect: async (_place, { signal }) => {
        tries.push(signal);
        if (ready === undefined) return new Promise<Channel>(() => {});
        await waitFor?.();
        opened.push(EmbeddedChannel.with({ clock }));
        return opened.at(-1)!;
      },
    },
    addresses: ['/ws'],
    clock,
    connectTimeoutMs,
    random: () => 0.5,
    ...(ready && { ready, readyTimeoutMs: 10_000 }),
  });
  void client.start();
  await turn();
  return { client, clock, tries, opened };
}

it('goes on at first with a try that is under way when its tab is shown', async () => {
  const { client, tries } = await start();
  page.woke();
  page.woke();
  await turn();
  expect(tries.map(({ aborted }) => aborted)).toEqual([false]);
  await client.close();
});

it('makes a try again that does not go on within a second after its tab was shown', async () => {
  const { client, clock, tries } = await start({ connectTimeoutMs: 10_000 });
  page.woke();
  clock.advance(500);
  page.woke();
  clock.advance(500);
  await turn();
  expect(tries.map(({ aborted }) => aborted)).toEqual([true, false]);
  clock.advance(5000);
  await turn();
  expect(tries.map(({ aborted }) => aborted)).toEqual([true, false]);
  await client.close();
});

describe('a connection that is being made ready when its tab is shown, or the network changes', () => {
  for (const event of ['woke', 'networkChanged'] as const) {
    it(`is made again if it does not go on within a second: ${event}`, async () => {
      const { client, clock, opened } = await start({ ready: () => new Promise(() => {}) });
      expect(client.state.name).toBe('readying');
      page[event]();
      clock.advance(999);
      await turn();
      expect(opened.map(({ isOpen }) => isOpen)).toEqual([true]);
      clock.advance(1);
      await turn();
      expect(opened.map(({ isOpen }) => isOpen)).toEqual([false, true]);
      void client.close();
    });
  }

  it('stays if it is ready in time', async () => {
    const ready: (() => void)[] = [];
    const { client, clock, opened } = await start({
      ready: () => new Promise<void>((resolve) => ready.push(resolve)),
    });
    page.woke();
    ready[0]!();
    await turn();
    clock.advance(5000);
    await turn();
    expect([client.state.name, opened.length]).toEqual(['online', 1]);
    void client.close();
  });
});

it('leaves a try that has connected since its tab was shown the time to become ready', async () => {
  const connect: (() => void)[] = [];
  const { client, clock, opened } = await start({
    ready: () => new Promise(() => {}),
    waitFor: () => new Promise<void>((resolve) => connect.push(resolve)),
  });
  page.woke();
  connect[0]!();
  await turn();
  clock.advance(5000);
  await turn();
  expect([client.state.name, opened.length]).toEqual(['readying', 1]);
  void client.close();
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
