// When the route names a node, and when it does not any more, in virtual time.

import { MemoryHub, memoryBus } from '@headrace/bus';
import type { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { join } from '../src/im-access.ts';

const HOST = '127.0.0.1';
const hub = new MemoryHub();
const clock = new VirtualClock();

async function pass(ms: number, ...clocks: readonly VirtualClock[]): Promise<void> {
  for (let left = ms; left > 0; left -= 10) {
    for (const one of [clock, ...clocks]) one.advance(Math.min(10, left));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Time passes until it is settled. */
async function settled<T>(promise: Promise<T>, ...clocks: readonly VirtualClock[]): Promise<T> {
  let isSettled = false;
  const over = promise.finally(() => {
    isSettled = true;
  });
  while (!isSettled) await pass(10, ...clocks);
  return over;
}

/** A node, or the route without a port; with a clock of its own it can be stopped as if it were killed. */
async function joined(port?: number, own = clock): Promise<Cluster> {
  const ground = { bus: memoryBus({ hub }), clock: own, logger: silentLogger };
  const address = port === undefined ? {} : { address: { host: HOST, port } };
  const joining = join(ground, address);
  return settled(joining, ...(own === clock ? [] : [own]));
}

it('names a node at once, not while it drains, and for 3 to 4 s after it was killed', async () => {
  const route = await joined();
  const named = (): (number | undefined)[] =>
    route.nodes
      .filter(({ state, life, address }) => address && state === 'ready' && life === 'alive')
      .map(({ address }) => address?.port)
      .sort();
  const first = await joined(9001);
  expect(named()).toEqual([9001]);
  const second = await joined(9002);
  expect(named()).toEqual([9001, 9002]);

  let isOver: (() => void) | undefined;
  const shutdown = (): Promise<void> =>
    new Promise((resolve) => {
      isOver = resolve;
    });
  const leaving = first.leave({ servers: [{ shutdown }] });
  await pass(50);
  expect(named()).toEqual([9002]);
  isOver!();
  await settled(leaving);
  await pass(50);
  expect(route.nodes.length).toBe(2);

  const killed = new VirtualClock();
  const third = await joined(9003, killed);
  await pass(5000, killed);
  expect(named()).toEqual([9002, 9003]);
  await pass(2900);
  expect(named()).toEqual([9002, 9003]);
  await pass(1200);
  expect(named()).toEqual([9002]);
  await pass(2000);
  expect(route.nodes.length).toBe(2);
  await settled(Promise.all([route, second, third].map((cluster) => cluster.leave())), killed);
});
