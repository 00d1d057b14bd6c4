import { Cluster, freePort, MemoryHub, memoryBus } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { expect, it, vi } from 'vitest';
import { startChatNode } from '../../src/cluster/chat-node.ts';
import { settingsSchema } from '../../src/settings/settings.ts';

it('leaves the cluster when what else the node does cannot start', async () => {
  const hub = new MemoryHub();
  const watcher = await Cluster.join({ app: 'headrace-chat', bus: memoryBus({ hub }) });
  let seen = 0;
  const start = startChatNode({
    settings: settingsSchema.parse({ port: await freePort('127.0.0.1', 0) }),
    bus: memoryBus({ hub }),
    logger: silentLogger,
    beside: () => {
      seen = watcher.nodes.length;
      return Promise.reject(new Error('no route'));
    },
  });
  await expect(start).rejects.toThrow('no route');
  expect(seen).toBe(2);
  // Of a node that says nothing the others hear after 5 s.
  await vi.waitFor(() => expect(watcher.nodes.length).toBe(1), { timeout: 3000 });
  await watcher.leave();
});
