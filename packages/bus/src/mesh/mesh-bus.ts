import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { BUS_OPTIONS, busPlan, type EngineBusOptions } from '../bus/bus-options.ts';
import { EngineBus } from '../bus/engine-bus.ts';
import { primaryWitness } from '../process/primary-witness.ts';
import { MeshLink } from './mesh-link.ts';
import { placeText } from './mesh-place.ts';
import { type MeshOptions, meshPlan } from './mesh-plan.ts';

/** Options of {@link meshBus}. */
export interface MeshBusOptions extends EngineBusOptions, MeshOptions {}

/**
 * Makes a bus of connections between the nodes themselves, without a server: a full mesh, with one connection for each pair of
 * nodes. A message goes only to the nodes that listen to its subject.
 *
 * The bus stores nothing, so it has no durable groups and no state groups; `natsBus` and `redisBus` have them. It is made for up to
 * some tens of nodes: n nodes have n × (n − 1) / 2 connections. During a partition of the network, each part goes on alone.
 *
 * @throws OptionError `OPTION_INVALID` or `OPTION_CONFLICT`. A port that is in use is logged once, and tried again.
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 * import { meshBus } from '@headrace/bus/mesh';
 *
 * const ports = 20_000 + (process.pid % 10_000) * 2; // any two free ports
 * const peers = [0, 1].map((at) => ({ host: '127.0.0.1', port: ports + at }));
 * const join = ({ port }: { port: number }) =>
 *   Cluster.join({ app: 'chat', bus: meshBus({ port, peers }) });
 * const nodes = await Promise.all(peers.map(join));
 * while (nodes.some((node) => node.nodes.length < 2)) await new Promise((next) => setTimeout(next, 10));
 * console.log(nodes.map((node) => node.state)); // prints [ 'up', 'up' ]
 * for (const node of nodes) await node.leave();
 * ```
 */
export function meshBus(options: MeshBusOptions): EngineBus {
  const bus = BUS_OPTIONS.only(options);
  const plan = meshPlan(options, busPlan(bus));
  const place = plan.advertise ?? plan.way;
  const connect = async (
    sink: BusLinkSink,
    host: BusHost,
    signal: AbortSignal,
  ): Promise<BusLink> => {
    const link = new MeshLink(plan, sink, host);
    await link.open(signal);
    return link;
  };
  const name = `mesh://${placeText(place)}`;
  const witness = primaryWitness();
  return new EngineBus({ name, kind: 'mesh', witness, connect }, bus);
}
