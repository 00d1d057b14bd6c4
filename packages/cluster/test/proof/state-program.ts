// A node with a state group, for state-kills.heavy.test.ts. It leaves the cluster at SIGTERM.
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { stateGroup } from '@headrace/durable';
import { type BusChoice, busOf } from './bus-choice.ts';
import { serveOrders, settings } from './orders.ts';

/** Twice the default, for a machine that is busy with other tests. */
const UNHEARD_MS = 6000;
const bus = busOf(settings<BusChoice>(), { unheardMs: UNHEARD_MS });
const cluster = await Cluster.join({ app: 'kills', bus, logger: silentLogger });
const group = stateGroup<number>(cluster, 'state', { listens: 'always' });

process.once('SIGTERM', () => void cluster.leave().then(() => process.exit()));

serveOrders({
  nodes: () => cluster.nodes.length,
  set: ({ key, value }: { key: string; value: number }) => group.set(key, value),
  add: ({ key }: { key: string }) => group.update(key, (sum = 0) => sum + 1),
  map: async () => {
    const entries = [...(await group.entries())];
    return Object.fromEntries(entries.map(([key, { value, version }]) => [key, [value, version]]));
  },
});
