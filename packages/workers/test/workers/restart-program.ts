// Workers with a server, a node and a room each, for restarted-workers.figures.heavy.test.ts. BUS: a bus choice as JSON.
import { Cluster } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import { ServerBootstrap, silentLogger } from '@headrace/core';
import { processBus, runWorkers } from '@headrace/workers';
import { busOf } from '../../../cluster/test/proof/bus-choice.ts';

const { BUS } = process.env;
const print = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

await runWorkers({
  // For what hangs only: from sources, beside other work, it takes half a minute.
  startTimeoutMs: 120_000,
  count: 3,
  drainTimeoutMs: 2000,
  logger: silentLogger,
  start: async () => {
    const bus = BUS === undefined ? processBus() : busOf(JSON.parse(BUS));
    const cluster = await Cluster.join({ app: 'restart', logger: silentLogger, bus });
    const room = cluster.group<string>('room');
    const server = await new ServerBootstrap()
      .options({ logger: silentLogger })
      .childOptions({ logger: silentLogger })
      .childHandler((channel) =>
        channel.pipeline.addLast(...textLines({ maxLength: 128 }), {
          channelActive: (ctx) => void room.add(ctx.channel),
          channelRead: (ctx) => void ctx.writeAndFlush(`${process.pid} ${room.size} ${room.total}`),
        }),
      )
      .bind({ host: '127.0.0.1', port: 0 });
    return {
      drain: ({ drainTimeoutMs }) =>
        cluster.leave({ servers: [server], drainTimeoutMs, spreadMs: 500, batch: 10 }),
      info: server.port,
    };
  },
  onWorker: ({ type, ...event }) => void print({ type, ...event }),
});
print({ type: 'ready' });
