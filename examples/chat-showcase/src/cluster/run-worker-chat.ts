import cluster from 'node:cluster';
import { freePort, processBus } from '@headrace/cluster/workers';
import { readPageFiles } from '../http/page-files.ts';
import type { Settings } from '../settings/settings.ts';
import { startChatNode } from './chat-node.ts';
import { runNodes } from './run-nodes.ts';

/** The chat on `workerThreads` processes of this machine: one room. */
export async function runWorkerChat(settings: Settings, folder: string | undefined): Promise<void> {
  const files = readPageFiles(folder);
  if (cluster.isPrimary) {
    const { host, port } = settings;
    process.env['NETTY_TCP_PORT'] = String(await freePort(host, port));
  }
  await runNodes({
    count: settings.workerThreads,
    print: console.log,
    start: ({ generation }) =>
      startChatNode({ settings, files, bus: processBus(), isLate: generation > 1 }),
  });
}
