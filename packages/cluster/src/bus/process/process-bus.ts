import cluster from 'node:cluster';
import type { BusHost } from '../bus.ts';
import type { BusLink, BusLinkSink } from '../bus-engine.ts';
import { BUS_OPTIONS, type EngineBusOptions } from '../bus-options.ts';
import { EngineBus } from '../engine-bus.ts';
import { LocalLink } from '../relay/local-link.ts';
import { processRelay } from './process-relay.ts';
import { processWire } from './process-wire.ts';
import { connectToPrimary } from './worker-link.ts';

/** Options of {@link processBus}. */
export type ProcessBusOptions = EngineBusOptions;

/**
 * A bus between the processes of `node:cluster`: the primary relays, and each worker gets what it listens to. The primary may be
 * a node too, and a process that never forks is alone on it. In the primary either `runWorkers()` or this call is needed before a
 * worker's bus can come up.
 *
 * Durable groups live in the memory of the primary, and end with it.
 *
 * At most 8 MiB wait for a worker that takes nothing; further messages are lost to it, and counted in `Workers.list()`. Messages
 * go as JSON, the default serialization of the channel, many in one. A message of 128 bytes from a worker to two others takes 1.5
 * µs of CPU in the primary (0.9 to 1.8, Node 20); one that the primary itself publishes to two takes 0.9 to 1.7. On two cores
 * with other work too, 40,000 to 300,000 messages a second were measured: `benchmarks/micro/process-bus.mjs`.
 */
export function processBus(options: ProcessBusOptions = {}): EngineBus {
  BUS_OPTIONS.checkNames(options, 'processBus');
  // The relay is there from this call on, even before a cluster opens the bus.
  if (!cluster.isWorker) processRelay();
  return new EngineBus({ name: 'process:', hasLog: true, connect }, options);
}

async function connect(sink: BusLinkSink, host: BusHost, signal: AbortSignal): Promise<BusLink> {
  if (!cluster.isWorker) return new LocalLink(processRelay().relay, sink, host);
  if (!process.connected) throw new Error('the primary process is gone');
  return connectToPrimary(processWire, sink, host, signal);
}
