/**
 * Workers on all cores of a machine with `node:cluster`, and a bus between them: `@headrace/workers`.
 *
 * @module
 */

export { freePort } from './workers/free-port.ts';
export { type ProcessBusOptions, processBus } from './workers/process-bus.ts';
export { runWorkers } from './workers/run-workers.ts';
export type { AboutWorker, WorkerEvent } from './workers/worker-event.ts';
export type {
  StartedWorker,
  WorkerContext,
  WorkerDrain,
  WorkersOptions,
} from './workers/worker-options.ts';
export type { RunningWorker, Workers, WorkersStatusOptions } from './workers/workers.ts';
