// A node under an even load, whose members check what they get, for proofs about a bus or a node that is away.
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { type BusChoice, busOf } from './bus-choice.ts';
import { CheckedMembers, memberChannel, type Numbered } from './checked-members.ts';
import { Delays } from './delays.ts';
import { serveOrders, settings } from './orders.ts';
import { PacedLoad } from './paced-load.ts';

/** What each node of a load is started with. */
export interface LoadSettings {
  /** None: a cluster of one process. */
  readonly bus?: BusChoice;
  /** Which of the nodes it is, from 0. */
  readonly place: number;
  readonly nodes: number;
  readonly members: number;
  readonly perSecond: number;
  readonly messageBytes: number;
  /** Groups and users whose subscriptions are proved by `prove`. */
  readonly groups: number;
  readonly users: number;
}

const { bus, place, nodes, members, perSecond, messageBytes, groups, users } =
  settings<LoadSettings>();
const cluster = await Cluster.join({
  app: 'load',
  logger: silentLogger,
  ...(bus === undefined ? {} : { bus: busOf(bus) }),
});
const room = cluster.group<Numbered>('room');
const checked = new CheckedMembers(room, nodes);
/** From the time a message was due to the last member here: CPU time before it is written, real time after that. */
const local = new Delays();
/** Real time between two messages of another node. */
const pauses = new Delays();
const heardAt = new Map<number, number>();
const gaps = new Map<string, number>();
const left: string[] = [];
room.on('gap', ({ node, lost }) => gaps.set(node, (gaps.get(node) ?? 0) + lost));
cluster.on('nodeLeft', ({ id }) => left.push(id));
await checked.add(members, ([sender, , writtenAt, , busyMs]) => {
  const now = performance.now();
  if (sender === place) local.add((busyMs as number) + now - (writtenAt as number));
  else {
    const before = heardAt.get(sender);
    if (before !== undefined) pauses.add(now - before);
    heardAt.set(sender, now);
  }
});

const text = 'x'.repeat(messageBytes);
const load = new PacedLoad(perSecond, (number, busyMs) =>
  room.writeAndFlush([place, number, performance.now(), text, busyMs]),
);

/** Who got what of the last round: `<round> <place of the sender> <group or user>`. */
const proved = new Set<string>();
const prove = (own: string) => (message: unknown) => void proved.add(`${String(message)} ${own}`);
const userOf = (node: number, user: number): string => `user-${node}-${user}`;
for (let i = 0; i < groups; i += 1) {
  cluster.group(`g${i}`, { presence: false }).add(await memberChannel(prove(`g${i}`)));
}
for (let i = 0; i < users; i += 1) {
  const id = userOf(place, i);
  cluster.users.bind(id, await memberChannel(prove(id)));
}

serveOrders({
  nodeId: () => cluster.nodeId,
  state: () => ({ state: cluster.state, total: room.total, nodes: cluster.nodes.length }),
  startLoad: () => load.start(),
  stopLoad: () => load.stop(),
  delays: () => ({ local: local.take(), pauses: pauses.take() }),
  report: () => ({
    written: load.written,
    faults: checked.faults,
    heard: checked.heard(),
    gaps: Object.fromEntries(gaps),
    lost: room.counters.lost,
    published: room.counters.published,
    left,
  }),
  memory: () => {
    globalThis.gc!();
    globalThis.gc!();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    load.forgive();
    return heapUsed + arrayBuffers;
  },
  prove: ({ round }: { round: number }) => {
    const message = `${round} ${place}`;
    for (let i = 0; i < groups; i += 1) {
      cluster.group<string>(`g${i}`, { presence: false }).writeAndFlush(message);
    }
    for (let node = 0; node < nodes; node += 1) {
      if (node === place) continue;
      for (let i = 0; i < users; i += 1) cluster.users.send(userOf(node, i), message);
    }
  },
  // Of the other nodes.
  proved: ({ round }: { round: number }) => {
    const own = `${round} ${place} `;
    return [...proved].filter((one) => one.startsWith(`${round} `) && !one.startsWith(own)).length;
  },
});
