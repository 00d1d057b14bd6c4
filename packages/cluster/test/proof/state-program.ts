// A node of a mesh with a state group, for state-kills.heavy.test.ts. It leaves the cluster at SIGTERM.
import { Cluster } from '@headrace/cluster';
import { meshBus } from '@headrace/cluster/mesh';
import { silentLogger } from '@headrace/core';
import { stateGroup } from '@headrace/durable';
import type { MeshLink } from '../../src/bus/mesh/mesh-link.ts';
import { serveOrders, settings } from './orders.ts';

const { ports, place } = settings<{ ports: readonly number[]; place: number }>();
/** Twice the default, for a machine that is busy with other tests. */
const UNHEARD_MS = 6000;
const peers = ports.map((port) => ({ host: '127.0.0.1', port }));
const bus = meshBus({ port: ports[place]!, peers, unheardMs: UNHEARD_MS });
const cluster = await Cluster.join({ app: 'kills', bus, logger: silentLogger });
const group = stateGroup<number>(cluster, 'state', { listens: 'always' });

process.once('SIGTERM', () => void cluster.leave().then(() => process.exit()));

serveOrders({
  nodes: () => cluster.nodes.length,
  /** Whether this node orders the changes. */
  keeps: () => {
    const { keeper } = bus as unknown as { readonly keeper: { readonly link?: MeshLink } };
    return (keeper.link?.['states']['keepers']['roles'].size ?? 0) > 0;
  },
  set: ({ key, value }: { key: string; value: number }) => group.set(key, value),
  add: ({ key }: { key: string }) => group.update(key, (sum = 0) => sum + 1),
  map: async () => {
    const entries = [...(await group.entries())];
    return Object.fromEntries(entries.map(([key, { value, version }]) => [key, [value, version]]));
  },
});
