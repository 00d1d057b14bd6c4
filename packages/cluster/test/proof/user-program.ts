// A node where users sign in at an appointed time, for two-sign-ins.heavy.test.ts.
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { type BusChoice, busOf } from './bus-choice.ts';
import { memberChannel } from './checked-members.ts';
import { serveOrders, settings } from './orders.ts';

const { bus } = settings<{ bus: BusChoice }>();
const cluster = await Cluster.join({
  app: 'users',
  bus: busOf(bus),
  logger: silentLogger,
  users: { onDuplicate: 'kick-older' },
});

serveOrders({
  others: () => cluster.nodes.length - 1,
  /** @param at - milliseconds since 1970, with fractions */
  signIn: async ({ id, at }: { id: string; at: number }) => {
    const channel = await memberChannel(() => {});
    while (performance.timeOrigin + performance.now() < at);
    cluster.users.bind(id, channel);
  },
  connections: ({ id }: { id: string }) =>
    cluster.users.channels(id).filter(({ isActive }) => isActive).length,
  signOut: ({ id }: { id: string }) => {
    for (const channel of cluster.users.channels(id)) channel.close();
  },
});
