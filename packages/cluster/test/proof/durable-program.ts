// A node with a server and a durable room, for proofs about nodes that come and go. Lines of its clients:
//   JOIN <id> [<epoch> <offset>]  ->  JOINED <recovered> <epoch> <offset>, then AT <epoch> <offset> <text>
//   SAY <message id> <text>       ->  OK <message id>, a while after it was stored
import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import { type Channel, ServerBootstrap, silentLogger } from '@headrace/core';
import { type DurableGroup, durableGroup } from '@headrace/durable';
import { type BusChoice, busOf } from './bus-choice.ts';
import { serveOrders, settings } from './orders.ts';

const { bus } = settings<{ bus: BusChoice }>();
const host = '127.0.0.1';
/** Late, so that a node that ends leaves messages that are stored, and whose clients say them again. */
const ACKNOWLEDGED_AFTER_MS = 1500;
const ids = new WeakMap<Channel, string>();
let room: DurableGroup<string>;

const server = await new ServerBootstrap()
  .options({ logger: silentLogger })
  .childOptions({ logger: silentLogger })
  .childHandler((channel) =>
    channel.pipeline.addLast(...textLines({ maxLength: 256 }), {
      channelRead: (_ctx, line) => took(channel, String(line)),
    }),
  )
  .bind({ host, port: 0, backlog: 4096 });
const cluster = await Cluster.join({
  app: 'durable',
  bus: busOf(bus),
  address: { host, port: server.port },
  connections: () => server.connections.size,
  logger: silentLogger,
});
room = durableGroup<string>(cluster, 'room', {
  presence: 'ids',
  idOf: (channel) => ids.get(channel),
  format: (text, { epoch, offset }) => `AT ${epoch} ${offset} ${text}`,
});

function took(channel: Channel, line: string): void {
  const [word, id = '', ...rest] = line.split(' ');
  if (word === 'JOIN') void join(channel, id, rest);
  else void say(channel, id, rest.join(' '));
}

async function join(channel: Channel, id: string, at: readonly string[]): Promise<void> {
  ids.set(channel, id);
  const [epoch, offset] = at;
  const position = epoch === undefined ? undefined : { epoch, offset: Number(offset) };
  try {
    const { recovered, position: now } = await room.history.join(channel, position);
    channel.writeAndFlush(`JOINED ${recovered} ${now.epoch} ${now.offset}`);
  } catch {
    channel.close();
  }
}

async function say(channel: Channel, id: string, text: string): Promise<void> {
  try {
    await room.write(text, { id });
    await delay(ACKNOWLEDGED_AFTER_MS);
    channel.writeAndFlush(`OK ${id}`);
  } catch {
    // It is not acknowledged: its client says it again.
    channel.close();
  }
}

serveOrders({
  nodeId: () => cluster.nodeId,
  nodes: () => cluster.nodes.length,
  size: () => room.size,
  /** How many ids there are, and how many of them on one node. */
  presence: ({ node }: { node: string }) => {
    const who = [...room.who()];
    const there = who.filter((member) => member.node === node).length;
    return { ids: new Set(who.map(({ id }) => id)).size, there };
  },
  leave: (options: object) => cluster.leave({ servers: [server], ...options }),
});
