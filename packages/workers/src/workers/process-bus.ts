import cluster from 'node:cluster';
import type { EngineBus } from '@headrace/bus';
import {
  processBus as busOfProcess,
  type ProcessBusOptions,
  processRelay,
} from '@headrace/bus/authoring';
import { keepStores } from '@headrace/store/authoring';

export type { ProcessBusOptions } from '@headrace/bus/authoring';

/**
 * Makes a bus between the processes of `node:cluster`. The primary relays messages, and each worker receives the subjects that it
 * listens to. The primary can be a node too. A process that never forks is alone on its bus. A worker's bus comes up only after
 * the primary has called `runWorkers()` or this function.
 *
 * Durable groups live in the memory of the primary, and end with it.
 *
 * At most 8 MiB of messages wait for a worker that does not read. Further messages to the worker are lost, and counted in
 * `Workers.list()`. The channel sends several messages together, as JSON (its default serialization).
 *
 * A message of 128 bytes from a worker to two others takes 1.5 µs of CPU in the primary (0.9 to 1.8, Node 20). A message from the
 * primary to two workers takes 0.9 to 1.7 µs. On two cores with other work, 40,000 to 300,000 messages a second were measured;
 * see `benchmarks/micro/process-bus.mjs`.
 */
export function processBus(options: ProcessBusOptions = {}): EngineBus {
  if (!cluster.isWorker) keepStores(processRelay().relay);
  return busOfProcess(options);
}
