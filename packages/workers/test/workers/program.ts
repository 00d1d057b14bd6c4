// A program on workers, run as a process by the tests. MODE is what its workers do; it prints its events as JSON lines.

import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fixed } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { ServerBootstrap, silentLogger } from '@headrace/core';
import { runWorkers } from '@headrace/workers';
import type { WorkerEvent } from '../../src/workers/worker-event.ts';

const { MODE = 'serve', COUNT = '2', BROKEN = '', DRAIN_MS = '3000', PORT = '0' } = process.env;
const print = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);

async function serve(number: number, reusePort: boolean) {
  const server = await new ServerBootstrap()
    .options({ logger: silentLogger })
    .childOptions({ logger: silentLogger })
    .childHandler((channel) =>
      channel.pipeline.addLast(...textLines({ maxLength: 128 }), {
        channelRead: (ctx, line) => void ctx.writeAndFlush(`${process.pid} ${line}`),
      }),
    )
    .bind({ host: '127.0.0.1', port: Number(PORT), reusePort });
  return {
    drain: async ({ why, drainTimeoutMs }: { why: string; drainTimeoutMs: number }) => {
      print({ drains: number, why, pid: process.pid });
      await server.shutdown({ drainTimeoutMs });
    },
    info: { port: server.port },
    status: () => ({ processes: [{ name: `worker ${number}` } as never], missing: [] }),
  };
}

const workers = await runWorkers({
  // For what hangs only: from sources, beside other work, it takes half a minute.
  startTimeoutMs: 120_000,
  count: Number(COUNT),
  drainTimeoutMs: Number(DRAIN_MS),
  retry: fixed(50),
  reusePort: process.env.REUSE_PORT === '1',
  ...(MODE === 'fail' ? {} : { logger: silentLogger }),
  start: async ({ number, generation, reusePort }) => {
    if (MODE === 'fail') throw new Error(`no database at 10.0.0.${generation}`);
    if (BROKEN !== '' && existsSync(BROKEN)) throw new Error('new code, new fault');
    if (MODE === 'stuck') return { drain: () => delay(60_000) };
    return serve(number, reusePort);
  },
  onWorker: (event: WorkerEvent) => {
    const error = 'error' in event ? { error: event.error.message } : {};
    print({ ...event, ...error });
  },
  onEnd: () => void print({ type: 'end' }),
});
print({ type: 'ready', list: workers.list() });
print({ type: 'status', ...(await workers.status({ timeoutMs: 60_000 })) });
