import cluster from 'node:cluster';
import { type WorkersOptions, workersPlan } from './worker-options.ts';
import { WorkerProcess } from './worker-process.ts';
import { Workers } from './workers.ts';

/**
 * Runs the program on several processes with `node:cluster`. The process that calls this function first is the primary. The
 * primary runs the same program once for each worker, and keeps the workers running. In the primary, the promise resolves when
 * each worker has been ready. **In a worker, the promise never resolves**: the worker runs `start`, and only the primary runs the
 * code after the call.
 *
 * - A worker that ends is replaced, after a back-off. If `start` fails five times in a row, or the back-off of the option `retry`
 *   gives up, the primary logs the first error and ends with code 1.
 * - SIGHUP replaces all workers. When the new workers are ready, the old workers drain, one after the other. Meanwhile, new
 *   connections go evenly to the new workers, so that a client loses its connection at most once. This does not hold with
 *   `reusePort`, or with a `maxSurge` below `count`. If the new workers do not start, the old workers stay.
 * - SIGTERM and SIGINT drain all workers, and the primary ends with code 0. A second signal kills the remaining workers.
 * - A worker whose primary has ended drains, and ends.
 *
 * The servers of the workers listen on one port. The primary accepts connections and distributes them in turn, unless `reusePort`
 * is set. For port 0, the system chooses one port for all workers. If all workers end at the same time, the next workers ask for
 * the same port again.
 *
 * When a worker is killed, its connections and the connections on their way to it are reset. A draining worker returns the
 * connections on their way to it, and another worker receives them.
 *
 * @example
 * ```ts
 * const workers = await runWorkers({
 *   start: async () => {
 *     const server = await new ServerBootstrap().childHandler(chat).bind({ port: 18888 });
 *     return { drain: ({ drainTimeoutMs }) => server.shutdown({ drainTimeoutMs }), info: server.port };
 *   },
 * });
 * for (const { number, pid } of workers.list()) console.log(`worker ${number}: process ${pid}`);
 * ```
 */
export async function runWorkers(options: WorkersOptions): Promise<Workers> {
  const plan = workersPlan(options);
  if (!cluster.isWorker) return new Workers(plan).begin();
  await new WorkerProcess(plan).run();
  return new Promise(() => {});
}
