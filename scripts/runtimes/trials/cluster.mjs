// Nodes of a cluster in one process, over a hub in memory.
import { deepEqual, equal } from 'node:assert/strict';
import { Cluster, MemoryHub, memoryBus } from '@headrace/cluster';
import { EmbeddedChannel } from '@headrace/core/testing';
import { pause } from './peers.mjs';

async function twoNodes() {
  const hub = new MemoryHub();
  const join = () => Cluster.join({ app: 'trial', bus: memoryBus({ hub }) });
  return Promise.all([join(), join()]);
}

export const clusterTrials = {
  async 'a group, its presence and a user over two nodes'() {
    const [one, two] = await twoNodes();
    const [phone, desk] = [new EmbeddedChannel(), new EmbeddedChannel()];
    one.group('lobby').add(phone);
    two.group('lobby').add(desk);
    two.users.bind('ann', desk);
    await pause(700);
    equal(one.group('lobby').total, 2);
    one.group('lobby').writeAndFlush('to all');
    one.users.send('ann', 'to ann');
    equal(await one.users.deliver('ann', 'and this'), 1);
    deepEqual(
      [desk.readOutbound(), desk.readOutbound(), desk.readOutbound()],
      ['to all', 'to ann', 'and this'],
    );
    await Promise.all([one.leave(), two.leave()]);
  },
};
