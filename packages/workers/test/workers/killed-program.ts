// Workers with a server and a node on the process bus each, under a primary that reports what it holds, for
// killed-workers.figures.heavy.test.ts, which kills them.
import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { fixed } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { ServerBootstrap, silentLogger, systemClock } from '@headrace/core';
import { processBus, runWorkers } from '@headrace/workers';

const print = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

function joinBus(onMessage: (bytes: Buffer) => void) {
  const bus = processBus();
  const probe = `probe.${randomUUID()}`;
  bus.open({ clock: systemClock, logger: silentLogger, random: Math.random, probe });
  bus.subscribe('all', onMessage);
  return bus;
}

let heard = 0;
if (cluster.isPrimary) joinBus(() => heard++);

await runWorkers({
  // For what hangs only: from sources, beside other work, it takes half a minute.
  startTimeoutMs: 120_000,
  count: 3,
  retry: fixed(50),
  logger: silentLogger,
  start: async () => {
    const bus = joinBus(() => {});
    const server = await new ServerBootstrap()
      .options({ logger: silentLogger })
      .childOptions({ logger: silentLogger })
      .childHandler((channel) =>
        channel.pipeline.addLast(...textLines({ maxLength: 128 }), {
          channelRead: (ctx, line) => {
            bus.publish('all', Buffer.from(String(line)));
            ctx.writeAndFlush(line);
          },
        }),
      )
      .bind({ host: '127.0.0.1', port: 0, backlog: 4096 });
    const drain = () => server.shutdown({ drainTimeoutMs: 500 });
    return { drain, info: server.port };
  },
  onWorker: ({ type, ...event }) => void print({ type, ...event }),
});
print({ type: 'ready' });

setInterval(() => {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const descriptors = readdirSync('/proc/self/fd').length;
  print({ type: 'report', heapUsed, rss, descriptors, heard });
}, 1000);
