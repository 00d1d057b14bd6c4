import { MemoryHub, memoryBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { silentLogger } from '@headrace/core';
import { freePort } from '@headrace/workers';
import { settingsSchema } from 'headrace-example-chat-showcase';
import { expect, it } from 'vitest';
import { startChatNode } from '../src/chat-node.ts';

it('leaves the cluster when what else the node does cannot start', async () => {
  const hub = new MemoryHub();
  const watcher = await Cluster.join({ app: 'headrace-chat', bus: memoryBus({ hub }) });
  const reasons: string[] = [];
  watcher.on('nodeLeft', (_node, reason) => reasons.push(reason));
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
  // Not `node-gone`, as of one that says nothing any more.
  await expect.poll(() => reasons).toEqual(['left']);
  expect(watcher.nodes).toHaveLength(1);
  await watcher.leave();
});
