// A node whose members check what they get, for crowd.heavy.test.ts.
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { type BusChoice, busOf } from './bus-choice.ts';
import { CheckedMembers, type Numbered } from './checked-members.ts';
import { serveOrders, settings } from './orders.ts';

const { bus, senders } = settings<{ bus: BusChoice; senders: number }>();
const cluster = await Cluster.join({ app: 'crowd', bus: busOf(bus), logger: silentLogger });
const room = cluster.group<Numbered>('room');
const members = new CheckedMembers(room, senders);
/** Each node writes with this pause, so that what all write comes in between each other. */
const PAUSE_MS = 2;

serveOrders({
  add: ({ count }: { count: number }) => members.add(count),
  total: () => room.total,
  send: async ({ own, messages }: { own: readonly number[]; messages: number }) => {
    for (let number = 1; number <= messages; number += 1) {
      for (const sender of own) room.writeAndFlush([sender, number]);
      await delay(PAUSE_MS);
    }
  },
  report: () => ({ heard: members.heard(), faults: members.faults, lost: room.counters.lost }),
});
