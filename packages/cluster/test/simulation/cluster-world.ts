import { Cluster, type ClusterOptions } from '@headrace/cluster';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { BrokerDisk } from './broker-log.ts';
import { runBroker } from './simulated-broker.ts';
import { simulatedBus } from './simulated-bus.ts';

export const NODES = ['n1', 'n2', 'n3'];

/** What a machine of a simulation gives to its node. */
export function optionsOf(host: SimulatedHost) {
  return {
    app: 'sim',
    bus: simulatedBus(host),
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
): Promise<Cluster<P>> {
  return Cluster.join<P>({ ...optionsOf(host), ...options });
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
export function badWeather(sim: Simulation, untilMs: number, longestMs = 3000): void {
  const forMs = { minMs: 50, maxMs: longestMs };
  sim.chaos({ partition: 12, reset: 15, slow: 6, forMs, untilMs });
  sim.chaos({ crash: 6, stop: 6, freeze: 6, hosts: ['bus'], forMs, untilMs });
  sim.chaos({ crash: 3, stop: 4, freeze: 6, hosts: NODES, forMs, untilMs });
}
