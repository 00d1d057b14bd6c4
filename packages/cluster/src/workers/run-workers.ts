import cluster from 'node:cluster';
import { type WorkersOptions, workersPlan } from './worker-options.ts';
import { WorkerProcess } from './worker-process.ts';
import { Workers } from './workers.ts';

/**
 * Runs the program on several processes, by `node:cluster`: the process that calls this first is the primary, which
 * runs the same program once for each worker and keeps them running. Resolves in the primary, when each worker has been
 * ready; **in a worker it does not return**: its work is `start`, what follows the call is the primary's.
 *
 * - A worker that ends is replaced, after a back-off. If `start` fails five times in a row, or the back-off of the option `retry`
 *   gives up, the primary logs the first error and ends with code 1.
 * - SIGHUP replaces all: when the new ones are ready, the old ones drain, one after the other. Connections that come
 *   meanwhile go to new ones, evenly, so that a client is cut once at most; not with `reusePort`, where the kernel chooses,
 *   and not with fewer new ones at a time, see the option `maxSurge`. If the new ones do not start, the old ones stay.
 * - SIGTERM and SIGINT drain all, and the primary ends with code 0; a second one kills those that are left.
 * - A worker whose primary is gone drains, and ends.
 *
 * Servers of the workers listen on one port: the primary accepts, and hands the connections out in turn, unless `reusePort` is
 * given. For port 0 the system chooses one port for all of them; if all workers die at the same time, the next ones ask for that
 * port again.
 *
 * When a worker is killed, its connections and those on their way to it are reset. A worker that drains gives back those on their
 * way, and another worker gets them.
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
