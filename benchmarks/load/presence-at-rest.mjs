// Presence of many groups: node --expose-gc presence-at-rest.mjs '{"url", "nodes", "groups", "presence", "seconds"}'
// Nodes in this one process, with one member in each group of each node. Prints what a node costs: its memory, its joins,
// and a second in which nobody joins, with that of a node without groups before it.

import { natsBus } from '@headrace/bus/nats';
import { Cluster } from '@headrace/cluster';
import { nullChannel } from '../micro/null-channel.mjs';

const { url, nodes, groups, presence, seconds } = JSON.parse(process.argv[2]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let published = 0;

async function join() {
  const cluster = await Cluster.join({
    app: 'bench',
    bus: natsBus({ servers: url }),
    joinTimeoutMs: 10_000,
  });
  const { bus } = cluster.parts.wire;
  const publish = bus.publish.bind(bus);
  bus.publish = (subject, bytes) => {
    published += 1;
    return publish(subject, bytes);
  };
  return cluster;
}

/** The least of several: what one collection leaves is garbage to the next. */
async function heap() {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i += 1) {
    globalThis.gc();
    await pause(50);
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

/** The middle one of the seconds: in some the collector clears up what was before. Of one node. */
async function atRest() {
  const each = [];
  published = 0;
  for (let i = 0; i < seconds; i += 1) {
    const since = process.cpuUsage();
    await pause(1000);
    const { user, system } = process.cpuUsage(since);
    each.push((user + system) / 1000 / nodes);
  }
  each.sort((a, b) => a - b);
  return { cpu: each[seconds >> 1], messages: published / seconds / nodes };
}

const clusters = [];
for (let i = 0; i < nodes; i += 1) clusters.push(await join());
await pause(5000);
const empty = await atRest();
const before = await heap();
const made = clusters.map((cluster) =>
  Array.from({ length: groups }, (_, i) => cluster.group(`room-${i}`, { presence })),
);
await pause(3000);
const bytes = ((await heap()) - before) / nodes;

// From the first join until all nodes know them all.
const channels = made.map((own) => own.map(() => nullChannel()));
const cpuBefore = process.cpuUsage();
const at = performance.now();
for (const [i, own] of made.entries()) {
  for (const [j, group] of own.entries()) group.add(channels[i][j]);
}
while (made.some((own) => own.some(({ total }) => total < nodes))) await pause(20);
const joinSeconds = (performance.now() - at) / 1000;
const joined = process.cpuUsage(cpuBefore);

await pause(20_000);
const rest = await atRest();
console.log(
  JSON.stringify({
    bytes: bytes / groups,
    joinsPerSecond: groups / joinSeconds,
    joinCpu: (joined.user + joined.system) / groups / nodes,
    emptyCpu: empty.cpu,
    restCpu: rest.cpu,
    restMessages: rest.messages,
  }),
);
process.exit(0);
