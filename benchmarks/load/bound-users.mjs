// Binds users: node --expose-gc bound-users.mjs '{"url", "serverPid", "users"}'
// Prints what each costs here and in the server, in bytes, and how long it takes, in seconds.

import { natsBus } from '@headrace/bus/nats';
import { Cluster } from '@headrace/cluster';
import { nullChannel } from '../micro/null-channel.mjs';
import { residentBytes } from './cpu-time.mjs';

const { url, serverPid, users } = JSON.parse(process.argv[2]);
const bus = natsBus({ servers: url });
const cluster = await Cluster.join({ app: 'bench', bus, joinTimeoutMs: 10_000 });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Until claims have gone out, and the client's buffers with them. */
async function quiet() {
  for (;;) {
    const before = process.cpuUsage();
    await pause(300);
    const { user, system } = process.cpuUsage(before);
    if (user + system < 20_000) return;
  }
}

/** The least of several: what one collection leaves is garbage to the next. */
async function heap() {
  await quiet();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i += 1) {
    globalThis.gc();
    await pause(50);
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

// Channels, with what each has once it has a listener of its close, are not what is measured.
const channels = Array.from({ length: users }, () => nullChannel());
const ids = channels.map((_, i) => `user-${i}`);
const [heapBefore, serverBefore] = [await heap(), residentBytes(serverPid)];
const at = performance.now();
for (let i = 0; i < users; i += 1) cluster.users.bind(ids[i], channels[i]);
await bus.settled();
const seconds = (performance.now() - at) / 1000;
const bytes = (await heap()) - heapBefore;
const inServer = residentBytes(serverPid) - serverBefore;
if (cluster.users.size !== users) throw new Error('not all are bound');
console.log(JSON.stringify({ bytes: bytes / users, inServer: inServer / users, seconds }));
process.exit(0);
