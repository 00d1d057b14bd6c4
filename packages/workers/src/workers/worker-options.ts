import { availableParallelism } from 'node:os';
import { type RetryPolicy, spread } from '@headrace/client';
import { type Logger, OptionError, stderrLogger } from '@headrace/core';
import { describeOptions, flag, fn, LOGGER, number, whole } from '@headrace/core/authoring';
import type { StatusReport } from '@headrace/handlers/health';
import type { WorkerEvent } from './worker-event.ts';

/** The argument of a worker's `start`. */
export interface WorkerContext {
  /** Number of the worker's slot, from 1. A process that replaces another has the same number. */
  readonly number: number;
  /** Number of processes that this slot has had, including this process. */
  readonly generation: number;
  /** Value of the option `reusePort`, for `bind({ port, reusePort })`. */
  readonly reusePort: boolean;
  /** Signal that aborts when this worker must end, even while the worker is starting. */
  readonly signal: AbortSignal;
}

/** Why a worker must end. */
export interface WorkerDrain {
  /**
   * The cause. `stop`: all workers end. `restart`: a new worker is ready in this slot. `primary-gone`: the primary has ended.
   * `signal`: only this process received SIGTERM.
   */
  readonly why: 'stop' | 'restart' | 'primary-gone' | 'signal';
  /** Time in milliseconds after which the process ends in any case. */
  readonly drainTimeoutMs: number;
}

/** A worker that is ready. */
export interface StartedWorker {
  /**
   * Called to end the work in order: `({ drainTimeoutMs }) => server.shutdown({ drainTimeoutMs })`. The process ends when the
   * promise resolves.
   */
  drain(drain: WorkerDrain): Promise<void> | void;
  /**
   * Returns the report of the worker for `Workers.status()` in the primary, for example `processStatus({ metrics })` of
   * `@headrace/handlers/health`.
   */
  readonly status?: () => StatusReport | Promise<StatusReport>;
  /** JSON value for the primary, in the event `started` and in `Workers.list()`. */
  readonly info?: unknown;
}

/** Options of {@link runWorkers}. */
export interface WorkersOptions {
  /** Begins the work of one worker, in its process. The worker is ready when the promise resolves. */
  readonly start: (context: WorkerContext) => StartedWorker | Promise<StartedWorker>;
  /** Number of workers. @default os.availableParallelism() */
  readonly count?: number;
  /**
   * Maximum time for the drain of a worker, in milliseconds. Two seconds later, the process of the worker is killed.
   * @default 10000
   */
  readonly drainTimeoutMs?: number;
  /**
   * Maximum time until a worker is ready, in milliseconds. Then its process is killed and started again, with twice the time, because
   * a busy machine may be the reason.
   * @default 30000
   */
  readonly startTimeoutMs?: number;
  /**
   * Number of new workers that must be ready in a restart before the old workers in their slots drain. This many extra processes
   * run for a while. With `count`, each client loses its connection at most once. With a smaller number, a client can reconnect
   * to a worker that is still to be replaced.
   * @default the number of workers
   */
  readonly maxSurge?: number;
  /**
   * Delay before a worker that crashed or failed to start is replaced. If the policy gives up (for example
   * `fixed(1000, { attempts: 5 })`), throws, or does not return a number, the primary ends as after five failed starts.
   * @default spread({ firstMs: 500 }): within half a second, then in windows that double, up to 30 s
   */
  readonly retry?: RetryPolicy;
  /**
   * Time in milliseconds after which a ready worker counts as stable. When a stable worker crashes, `retry` starts again.
   * @default 2000
   */
  readonly stableMs?: number;
  /**
   * Whether every worker listens on its own socket, and the kernel spreads the connections (`SO_REUSEPORT`). If false, the
   * primary distributes the connections in turn. `start` receives this value for `bind`.
   *
   * When a worker ends, connections that the kernel assigned to it and that it has not accepted are reset. With 20 busy clients,
   * 12 restarts one by one and 6 kills lost 323 to 340 connections, and 6 when the primary distributed them.
   *
   * Needs a port other than 0, because each worker would listen on a different free port. Needs Node 22.12 or newer, not on
   * Windows and macOS.
   * @default false
   */
  readonly reusePort?: boolean;
  /** Called in the primary with each event of the workers. */
  readonly onWorker?: (event: WorkerEvent) => void;
  /**
   * Called in the primary when all workers have ended, to end its own work. The process ends when the promise resolves, or after
   * `drainTimeoutMs`.
   */
  readonly onEnd?: () => Promise<void> | void;
  /** Logger of the primary and the workers. @default stderrLogger('info') */
  readonly logger?: Logger;
}

const FIRST_MS = 500;
/** Below the longest delay of a Node timer, `2 ** 31 - 1`. */
const MAX_MS = 2 ** 30;
const OPTIONS = describeOptions('runWorkers', {
  start: fn({ answers: 'async', required: true, purpose: 'begins the work of one worker' }),
  count: whole({ min: 1, max: 1024 }),
  drainTimeoutMs: number({ max: MAX_MS, default: 10_000 }),
  startTimeoutMs: number({ min: 1, max: MAX_MS, default: 30_000 }),
  maxSurge: whole({ min: 1 }),
  retry: fn({
    answers: 'sync',
    takes: 2,
    purpose: 'gives the next delay',
    default: spread({ firstMs: FIRST_MS }),
  }),
  stableMs: number({ max: MAX_MS, default: 2000 }),
  reusePort: flag({ default: false }),
  onWorker: fn({ answers: 'void', purpose: 'takes an event' }),
  onEnd: fn({ answers: 'async', purpose: 'ends the primary' }),
  logger: LOGGER,
});

/** The options, checked. */
export type WorkersPlan = Required<Omit<WorkersOptions, 'onWorker' | 'onEnd'>> &
  Pick<WorkersOptions, 'onWorker' | 'onEnd'>;

export function workersPlan(options: WorkersOptions): WorkersPlan {
  const given = OPTIONS.resolve(options);
  const { count = availableParallelism(), logger = stderrLogger('info') } = given;
  const { maxSurge = count } = given;
  const plan = { ...given, count, maxSurge, logger } as WorkersPlan;
  if (plan.reusePort && !canReusePort(process.versions.node, process.platform)) {
    throw new OptionError(
      'OPTION_INVALID',
      `reusePort needs Node 22.12, 23.1 or newer, and a system other than Windows and macOS; this is Node ${process.versions.node} on ${process.platform}`,
      { option: 'reusePort' },
    );
  }
  return plan;
}

/** Returns true if `net.Server.listen` supports `reusePort`, and the system spreads connections with it. */
export function canReusePort(version: string, platform: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isKnown = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  return isKnown && platform !== 'win32' && platform !== 'darwin';
}
