// A node with a state group: node state-node.mjs '{"ports", "at"}'. Without ports, its store is in memory. Answers an order of
// {"sets", "depth", "bytes"} with the CPU of this process for them, in microseconds, and any other order with all of its CPU.
import { Cluster } from '@headrace/cluster';
import { meshBus } from '@headrace/cluster/mesh';
import { stateGroup } from '@headrace/durable';

const { ports, at } = JSON.parse(process.argv[2]);
const KEYS = 1000;
const peers = ports?.map((port) => ({ host: '127.0.0.1', port }));
const bus = ports && { bus: meshBus({ port: ports[at], peers }) };
const cluster = await Cluster.join({ app: 'bench', ...bus });
const limits = { maxKeys: KEYS, maxBytes: 1 << 30, changesPerSecond: 1e9 };
const group = stateGroup(cluster, 'state', limits);

function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function measure({ sets, depth, bytes }) {
  const value = 'x'.repeat(bytes);
  const before = cpu();
  let next = 0;
  const writer = async () => {
    for (; next < sets; ) {
      next += 1;
      await group.set(`key ${next % KEYS}`, value);
    }
  };
  await Promise.all(Array.from({ length: depth }, writer));
  return cpu() - before;
}

process.on('message', async (order) => process.send(order.sets ? await measure(order) : cpu()));
process.on('disconnect', () => process.exit(0));
process.send('ready');
