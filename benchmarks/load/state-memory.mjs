// The memory of a state: node --expose-gc state-memory.mjs '{"keys", "bytes"}'
// Prints the bytes of a key in the store in memory, and in what a node with members keeps beside it.
import { Cluster } from '@headrace/cluster';
import { stateGroup } from '@headrace/durable';

const { keys, bytes } = JSON.parse(process.argv[2]);
const limits = { maxKeys: keys, maxBytes: 1 << 30, changesPerSecond: keys * 10 };

/** The least of several: what one collection leaves is garbage to the next. */
async function used() {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

async function measure(options) {
  const cluster = await Cluster.join({ app: 'bench' });
  const group = stateGroup(cluster, 'state', { ...limits, ...options });
  const before = await used();
  for (let i = 0; i < keys; i += 1)
    await group.set(`key ${i}`, `${i} ${'x'.repeat(bytes)}`.slice(0, bytes));
  if (options.listens === 'always' && (await group.entries()).size !== keys) {
    throw new Error('not all keys are there');
  }
  const more = (await used()) - before;
  await cluster.leave();
  return more / keys;
}

await measure({});
const store = await measure({});
const both = await measure({ listens: 'always' });
console.log(JSON.stringify({ store, node: both - store }));
process.exit(0);
