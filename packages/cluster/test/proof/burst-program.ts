// A node with a server, whose clients are the members of one group, for suspended.figures.heavy.test.ts, which stops it.

import { Cluster } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import { ServerBootstrap, silentLogger } from '@headrace/core';
import { durableGroup } from '@headrace/durable';
import { type BusChoice, busOf } from './bus-choice.ts';
import { serveOrders, settings } from './orders.ts';
import { PacedLoad } from './paced-load.ts';

/** What each node is started with. */
export interface BurstSettings {
  readonly bus: BusChoice;
  readonly perSecond: number;
  readonly messageBytes: number;
  readonly isDurable: boolean;
}

const { bus, perSecond, messageBytes, isDurable } = settings<BurstSettings>();
const cluster = await Cluster.join({ app: 'burst', logger: silentLogger, bus: busOf(bus) });
const room = isDurable
  ? durableGroup<string>(cluster, 'room', { messages: 100_000 })
  : cluster.group<string>('room');
const server = await new ServerBootstrap()
  .options({ logger: silentLogger })
  .childOptions({ logger: silentLogger })
  .childHandler((channel) => {
    channel.pipeline.addLast(...textLines({ maxLength: 65_536 }), {
      channelActive: () => void room.add(channel),
      channelRead: () => {},
    });
  })
  .bind({ host: '127.0.0.1', port: 0 });
const text = 'x'.repeat(messageBytes);
const load = new PacedLoad(perSecond, (number) => room.writeAndFlush(`${number} ${text}`));

serveOrders({
  port: () => server.port,
  state: () => ({ state: cluster.state, total: room.total, nodes: cluster.nodes.length }),
  startLoad: () => load.start(),
  stopLoad: () => {
    load.stop();
    return load.written;
  },
  report: () => ({
    size: room.size,
    closed: room.local.slowMembers.closed,
    lost: room.counters.lost,
    received: room.counters.received,
  }),
});
