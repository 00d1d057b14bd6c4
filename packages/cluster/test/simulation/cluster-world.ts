import type { Bus } from '@headrace/bus';
import { type MeshBusOptions, meshBus } from '@headrace/bus/mesh';
import { Cluster, type ClusterOptions } from '@headrace/cluster';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { BrokerDisk } from './broker-log.ts';
import { runBroker } from './simulated-broker.ts';
import { simulatedBus } from './simulated-bus.ts';

export const NODES = ['n1', 'n2', 'n3'];
const MESH_PORT = 7700;

/** Over a broker, or over connections between the nodes. */
export type WorldKind = 'broker' | 'mesh';

/** The bus of a machine that is connected with the other machines. */
export function meshOf(network: SimulatedHost, options: Partial<MeshBusOptions> = {}): Bus {
  const peers = NODES.map((peer) => ({ host: peer, port: MESH_PORT }));
  const advertise = { host: network.name, port: MESH_PORT };
  return meshBus({ port: MESH_PORT, network, advertise, peers, ...options });
}

/** What a machine of a simulation gives to its node. */
export function optionsOf(host: SimulatedHost, kind: WorldKind = 'broker') {
  return {
    app: 'sim',
    bus: kind === 'mesh' ? meshOf(host) : simulatedBus(host),
    clock: host.clock,
    logger: host.logger,
    random: host.random,
    randomBytes: host.randomBytes,
    load: () => 0,
  };
}

/** Joins the cluster of a simulation from one of its machines. */
export function joinFrom<P>(
  host: SimulatedHost,
  options: Partial<ClusterOptions<P>> = {},
  kind: WorldKind = 'broker',
): Promise<Cluster<P>> {
  return Cluster.join<P>({ ...optionsOf(host, kind), ...options });
}

/** A broker with its disk, and nodes that run a program with their cluster. Their clocks are minutes apart. */
export function runNodes(
  sim: Simulation,
  program: (host: SimulatedHost) => unknown,
  disk = new BrokerDisk(),
): void {
  sim.host('bus', (host) => runBroker(host, disk));
  for (const name of NODES) {
    sim.host(name, program);
    sim.link(name, 'bus').latency({ minMs: 1, maxMs: 30 });
  }
  sim.setClock('n1', { offsetMs: 300_000 });
  sim.setClock('n2', { offsetMs: -200_000 });
}

/** Faults of every kind, many a minute and up to so long, on the bus, the nodes and the links between. */
export function badWeather(
  sim: Simulation,
  untilMs: number,
  longestMs = 3000,
  kind: WorldKind = 'broker',
): void {
  const forMs = { minMs: 50, maxMs: longestMs };
  if (kind === 'mesh') {
    sim.chaos({ partition: 20, reset: 25, slow: 10, hosts: NODES, forMs, untilMs });
    sim.chaos({ crash: 5, stop: 6, freeze: 8, hosts: NODES, forMs, untilMs });
    return;
  }
  sim.chaos({ partition: 12, reset: 15, slow: 6, forMs, untilMs });
  sim.chaos({ crash: 6, stop: 6, freeze: 6, hosts: ['bus'], forMs, untilMs });
  sim.chaos({ crash: 3, stop: 4, freeze: 6, hosts: NODES, forMs, untilMs });
}
