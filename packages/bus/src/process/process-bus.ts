import cluster from 'node:cluster';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { BUS_OPTIONS, type EngineBusOptions } from '../bus/bus-options.ts';
import { EngineBus } from '../bus/engine-bus.ts';
import { LocalLink } from '../relay/local-link.ts';
import { processRelay } from './process-relay.ts';
import { processWire } from './process-wire.ts';
import { connectToPrimary } from './worker-link.ts';

/** Options of {@link processBus}. */
export type ProcessBusOptions = EngineBusOptions;

/**
 * Makes a bus between the processes of `node:cluster`. `processBus()` of `@headrace/workers` also keeps the stores of the workers
 * in the primary.
 */
export function processBus(options: ProcessBusOptions = {}): EngineBus {
  BUS_OPTIONS.checkNames(options, 'processBus');
  // The relay must exist from this call on, even before a cluster opens the bus.
  if (!cluster.isWorker) processRelay();
  return new EngineBus(
    { name: 'process:', kind: cluster.isWorker ? 'worker' : 'relay', connect },
    options,
  );
}

async function connect(sink: BusLinkSink, host: BusHost, signal: AbortSignal): Promise<BusLink> {
  if (!cluster.isWorker) return new LocalLink(processRelay().relay, sink, host);
  if (!process.connected) throw new Error('the primary process is gone');
  return connectToPrimary(processWire, sink, host, signal);
}
