// A node whose room knows who is there, for split.figures.heavy.test.ts and killed-node.figures.heavy.test.ts.
import { Cluster } from '@headrace/cluster';
import { type Channel, silentLogger } from '@headrace/core';
import { type BusChoice, busOf } from './bus-choice.ts';
import { memberChannel } from './checked-members.ts';
import { serveOrders, settings } from './orders.ts';

const { bus } = settings<{ bus: BusChoice }>();
const cluster = await Cluster.join({ app: 'presence', bus: busOf(bus), logger: silentLogger });
const ids = new Map<Channel, string>();
const members = new Map<string, Channel>();
const room = cluster.group('room', { presence: 'ids', idOf: (channel) => ids.get(channel) });
const events = { joined: 0, left: 0 };
/** As the events tell it. */
const told = new Set<string>();
room.on('memberJoined', ({ id }) => {
  events.joined += 1;
  told.add(id);
});
room.on('memberLeft', ({ id }) => {
  events.left += 1;
  told.delete(id);
});

serveOrders({
  add: async ({ ids: added }: { ids: readonly string[] }) => {
    for (const id of added) {
      const channel = await memberChannel(() => {});
      ids.set(channel, id);
      members.set(id, channel);
      room.add(channel);
    }
  },
  remove: ({ ids: removed }: { ids: readonly string[] }) => {
    for (const id of removed) members.get(id)?.close();
  },
  /** Who is there as the room says, if the events say the same. */
  view: () => {
    const who = [...room.who()].map(({ id }) => id).sort();
    const isSame = who.length === told.size && who.every((id) => told.has(id));
    return isSame && who.length === room.total ? who : ['events, who() and total differ'];
  },
  events: () => ({ ...events }),
});
