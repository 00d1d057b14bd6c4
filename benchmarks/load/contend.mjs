// Nodes that write one group: contend.mjs '{"url", "nodes", "kind": "state" | "durable", "changes", "delayMs", "seconds"}'
// With `changes`: each node writes only its own key, one change after the other. Prints the time of all changes, the messages that
// were sent to the store for a change (NATS), and the changes that failed. With `seconds`: four writers of each node write over a link
// with a delay in each direction. Prints the rate, and that of the slowest node.
import { connect, createServer } from 'node:net';
import { natsBus } from '@headrace/bus/nats';
import { redisBus } from '@headrace/bus/redis';
import { Cluster } from '@headrace/cluster';
import { durableGroup, stateGroup } from '@headrace/durable';

const order = JSON.parse(process.argv[2]);
const { nodes, kind, changes, seconds = 0, delayMs = 0 } = order;
const logger = { log() {} };
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const isNats = order.url.startsWith('nats');
let delay = 0;

/** A proxy in front of the server that delays each chunk. */
async function delayed(url) {
  const { hostname, port, protocol } = new URL(url);
  const pass = (from, to) => {
    from.on('data', (bytes) => {
      if (delay === 0) to.write(bytes);
      else setTimeout(() => to.write(bytes), delay);
    });
    from.on('close', () => to.destroy());
    from.on('error', () => {});
  };
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: hostname, port: Number(port), noDelay: true });
    pass(near, far);
    pass(far, near);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `${protocol}//127.0.0.1:${server.address().port}`;
}

const url = delayMs > 0 ? await delayed(order.url) : order.url;
const make = () => (isNats ? natsBus({ servers: url }) : redisBus({ url }));
const app = `bench${process.pid}`;
const clusters = [];
for (let i = 0; i < nodes; i += 1) clusters.push(await Cluster.join({ app, bus: make(), logger }));
const groups = clusters.map((cluster) =>
  kind === 'durable' ? durableGroup(cluster, 'group') : stateGroup(cluster, 'group'),
);
const write = (i, key, value) =>
  kind === 'durable'
    ? groups[i].write(value, { id: `${key} ${value}` })
    : groups[i].set(key, value);
for (const i of groups.keys()) await write(i, `key ${i}`, -1);

let failed = 0;
const counts = groups.map(() => 0);
const one = async (i, key, value) => {
  try {
    await write(i, key, value);
    counts[i] += 1;
  } catch {
    failed += 1;
  }
};
if (seconds > 0) {
  delay = delayMs;
  await sleep(4 * delayMs);
  let isOver = false;
  const writers = groups.flatMap((_, i) =>
    [0, 1, 2, 3].map(async (writer) => {
      for (let n = 0; !isOver; n += 1) await one(i, `key ${i} ${writer}`, n);
    }),
  );
  await sleep(seconds * 1000);
  const total = counts.reduce((sum, count) => sum + count, 0);
  console.log(
    JSON.stringify({ rate: total / seconds, least: Math.min(...counts) / seconds, failed }),
  );
  isOver = true;
  await Promise.all(writers);
} else {
  const [begun, from] = [performance.now(), await messages()];
  await Promise.all(
    groups.map(async (_, i) => {
      for (let n = 0; n < changes / nodes; n += 1) await one(i, `key ${i}`, n);
    }),
  );
  const ms = performance.now() - begun;
  console.log(JSON.stringify({ ms, messages: ((await messages()) - from) / changes, failed }));
}
process.exit(0);

/** The messages that the server has received to the subjects of the stream. */
async function messages() {
  if (!isNats) return 0;
  const { connect: nats } = await import('@nats-io/transport-node');
  globalThis.observer ??= await nats({ servers: order.url });
  globalThis.sent ??= observe();
  await globalThis.observer.flush();
  return globalThis.sent.count;
}

function observe() {
  const sent = { count: 0 };
  const callback = (_error, { subject }) => {
    if (subject.includes('.s.')) sent.count += 1;
  };
  globalThis.observer.subscribe('hr.>', { callback });
  return sent;
}
