// What the heartbeats of a cluster's other nodes cost a node: 1000 nodes, each with another load in each heartbeat.

import { EngineBus } from '@headrace/bus';
import { Cluster } from '@headrace/cluster';
import { measure } from './measure.mjs';

const NODES = 1000;
const silentLogger = { log() {} };

/** An engine without a server: notes what is published, gives the bus its own probes back, and takes what comes. */
class NotingEngine {
  name = 'noting:';
  hasLog = false;
  heartbeats = [];

  async connect(sink) {
    this.sink = sink;
    return {
      publish: (subject, bytes) => {
        if (subject.includes('.b.')) queueMicrotask(() => sink.received(subject, bytes));
        else if (subject.endsWith('.nodes')) this.heartbeats.push({ subject, bytes });
      },
      subscribe() {},
      unsubscribe() {},
      settled: async () => {},
      close: async () => {},
    };
  }
}

async function node(load) {
  const engine = new NotingEngine();
  const address = { host: '10.0.0.1', port: 18888 };
  const options = { app: 'bench', bus: new EngineBus(engine), address, logger: silentLogger };
  const cluster = await Cluster.join({ ...options, load, connections: () => 1201 });
  return { engine, cluster };
}

const variants = [];
for (const load of [0.25, 0.5]) {
  const { engine, cluster } = await node(() => load);
  while (engine.heartbeats.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  variants.push(engine.heartbeats[0]);
  await cluster.leave();
}
/** As if each came from a node of its own. */
const heartbeats = Array.from({ length: NODES }, (_, i) =>
  variants.map(({ subject, bytes }) => {
    const own = Buffer.from(bytes);
    own.fill(0, 6, 22).writeUInt32BE(i + 1, 6);
    return { subject, bytes: own };
  }),
);
const { engine, cluster } = await node(() => 0);
let at = 0;
measure(`a heartbeat of one of ${NODES} nodes`, 'ns per heartbeat', NODES * 40, (count) => {
  for (let i = 0; i < count; i += 1) {
    at += 1;
    const { subject, bytes } = heartbeats[at % NODES][Math.floor(at / NODES) % 2];
    engine.sink.received(subject, bytes);
  }
});
if (cluster.nodes.length !== NODES + 1) throw new Error(`${cluster.nodes.length} nodes`);
process.exit(0);
