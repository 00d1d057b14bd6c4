// Presence of many groups: node --expose-gc presence-at-rest.mjs '{"url", "groups", "presence", "seconds"}'
// Prints what a node with one member in each group costs: its memory, its joins, and a second in which nobody joins.
import { Cluster } from '@headrace/cluster';
import { natsBus } from '@headrace/cluster/nats';
import { nullChannel } from '../micro/null-channel.mjs';

const { url, groups, presence, seconds } = JSON.parse(process.argv[2]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const join = () => {
  const bus = natsBus({ servers: url });
  return Cluster.join({ app: 'bench', bus, joinTimeoutMs: 10_000 });
};

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

const cluster = await join();
const { bus } = cluster.parts.wire;
const publish = bus.publish.bind(bus);
let published = 0;
bus.publish = (subject, bytes) => {
  published += 1;
  return publish(subject, bytes);
};
const channels = Array.from({ length: groups }, () => nullChannel());
await pause(1500);
const before = await heap();
const made = channels.map((_, i) => cluster.group(`room-${i}`, { presence }));
await pause(3000);
const bytes = (await heap()) - before;

// From the first join until the other node, which is this process too, knows them all.
const other = await join();
const there = Array.from({ length: groups }, (_, i) => other.group(`room-${i}`, { presence }));
await pause(5000);
const cpuBefore = process.cpuUsage();
const at = performance.now();
for (const [i, group] of made.entries()) group.add(channels[i]);
while (there.some(({ total }) => total === 0)) await pause(20);
const joinSeconds = (performance.now() - at) / 1000;
const joined = process.cpuUsage(cpuBefore);

await pause(20_000);
published = 0;
/** Of each second: in some the collector clears up what was before. */
const rest = [];
for (let i = 0; i < seconds; i += 1) {
  const since = process.cpuUsage();
  await pause(1000);
  const { user, system } = process.cpuUsage(since);
  rest.push((user + system) / 1000);
}
rest.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    bytes: bytes / groups,
    joinsPerSecond: groups / joinSeconds,
    joinCpu: (joined.user + joined.system) / groups,
    restCpu: rest[seconds >> 1],
    restMessages: published / seconds,
  }),
);
process.exit(0);
