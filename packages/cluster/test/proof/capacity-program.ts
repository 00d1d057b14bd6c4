// A node with rooms and users, for eight-nodes.heavy.test.ts.
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from '@headrace/cluster';
import { type Channel, ChannelGroup, silentLogger } from '@headrace/core';
import { type BusChoice, busOf } from './bus-choice.ts';
import { memberChannel } from './checked-members.ts';
import { serveOrders, settings } from './orders.ts';

/** Members of a small room, and rooms that a connection joins besides its first. */
const TEN = 10;

const { bus, place, most } = settings<{ bus: BusChoice; place: number; most: number }>();
const cluster = await Cluster.join({ app: 'capacity', bus: busOf(bus), logger: silentLogger });
const channels: Channel[] = [];
/** What the first group of a channel costs is part of the connection. */
const everybody = new ChannelGroup('everybody');
const numbers = new Map<Channel, number>();
/** As long as real names are: V8 keeps texts of JSON up to 10 characters only once. */
const numbered = (i: number) => String(i).padStart(6, '0');
const idOf = (channel: Channel) => `mate-${place}-${numbered(numbers.get(channel)!)}`;
const room = (i: number) => cluster.group(`room-${numbered(i)}`);
const withIds = (name: string) => cluster.group(name, { presence: 'ids', idOf });
const table = (i: number) => withIds(`table-${numbered(Math.floor(i / TEN))}`);
const userOf = (node: number, i: number) => `user-${node}-${numbered(i)}`;

/** What each connection does in a step, by its number. */
const STEPS: Record<string, (channel: Channel, i: number) => void> = {
  rooms: (_channel, i) => void room(i),
  'first members': (channel, i) => room(i).add(channel),
  'more members': (channel, i) => {
    for (let more = 1; more <= TEN; more += 1) room((i + more) % channels.length).add(channel);
  },
  'small rooms with ids': (channel, i) => table(i).add(channel),
  'a large room with ids': (channel) => withIds('hall').add(channel),
  users: (channel, i) => cluster.users.bind(userOf(place, i), channel),
};

serveOrders({
  connect: async ({ connections }: { connections: number }) => {
    while (channels.length < connections) {
      const channel = await memberChannel(() => {});
      numbers.set(channel, channels.push(channel) - 1);
      everybody.add(channel);
    }
  },
  step: ({ step }: { step: string }) => {
    for (const [i, channel] of channels.entries()) STEPS[step]!(channel, i);
  },
  /** What this node knows of the last of each, on all nodes: what came before it is known, too. */
  known: async ({ nodes }: { nodes: number }) => {
    const last = most - 1;
    const users = Array.from({ length: nodes }, (_, node) => userOf(node, last));
    const online = await Promise.all(users.map((user) => cluster.users.isOnline(user)));
    return [
      room(last).total,
      table(last).total,
      withIds('hall').total,
      online.filter(Boolean).length,
    ];
  },
  /** The least of several: what one collection leaves is garbage to the next. */
  memory: async () => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 12; i += 1) {
      globalThis.gc!();
      await delay(100);
      const { heapUsed, external } = process.memoryUsage();
      least = Math.min(least, heapUsed + external);
    }
    return least;
  },
});
