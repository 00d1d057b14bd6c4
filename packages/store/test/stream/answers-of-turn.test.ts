import { setImmediate as turn } from 'node:timers/promises';
import { memoryBus } from '@headrace/bus';
import { processBus } from '@headrace/bus/authoring';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { logOf } from '@headrace/store';
import { afterEach, expect, it } from 'vitest';

let cluster: Cluster | undefined;
afterEach(() => cluster?.leave());

const LIMITS = { messages: 100, ageMs: 60_000 };

// A store in this process answers at once.
it.each([
  ['memory', () => memoryBus()],
  ['process', () => processBus()],
])(
  'lets the event loop run while a program awaits one change after the other: %s',
  async (_name, busOf) => {
    const bus = busOf();
    cluster = await Cluster.join({ app: 'turns', bus, logger: silentLogger });
    const log = logOf(bus);
    await log!.open('stream', LIMITS);
    let turns = 0;
    let isOver = false;
    const count = async (): Promise<void> => {
      for (; !isOver; turns += 1) await turn();
    };
    const counting = count();
    for (let i = 0; i < 5000; i++) await log!.append('stream', String(i), Buffer.from('x'));
    isOver = true;
    await counting;
    expect(turns).toBeGreaterThanOrEqual(10);
  },
);
