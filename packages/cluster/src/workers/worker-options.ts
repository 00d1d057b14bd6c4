import { availableParallelism } from 'node:os';
import { type RetryPolicy, spread } from '@headrace/client';
import { type Logger, OptionError, stderrLogger } from '@headrace/core';
import { describeOptions, flag, fn, LOGGER, number, whole } from '@headrace/core/authoring';
import type { WorkerEvent } from './worker-event.ts';

/** The argument of a worker's `start`. */
export interface WorkerContext {
  /** The number of its slot, from 1. A process that replaces another one has the same. */
  readonly number: number;
  /** How many processes this slot has had, this one included. */
  readonly generation: number;
  /** For `bind({ port, reusePort })`: the option of the same name. */
  readonly reusePort: boolean;
  /** Aborts when this worker has to end, even while it is starting. */
  readonly signal: AbortSignal;
}

/** Why a worker has to end. */
export interface WorkerDrain {
  /**
   * The cause: `stop`, all workers end; `restart`, a new one is ready in its slot;
   * `primary-gone`, the primary's process ended; `signal`, this process alone got SIGTERM.
   */
  readonly why: 'stop' | 'restart' | 'primary-gone' | 'signal';
  /** The time in milliseconds after which the process ends anyway. */
  readonly drainTimeoutMs: number;
}

/** A worker that is ready. */
export interface StartedWorker {
  /**
   * Ends the work in order; for a server, `({ drainTimeoutMs }) => server.shutdown({ drainTimeoutMs })`. When it resolves, the
   * process ends.
   */
  drain(drain: WorkerDrain): Promise<void> | void;
  /** A JSON value for the primary: it is in the event `started`, and in `Workers.list()`. */
  readonly info?: unknown;
}

/** Options of {@link runWorkers}. */
export interface WorkersOptions {
  /** Begins the work of one worker; runs in the worker's process. It is ready when this resolves. */
  readonly start: (context: WorkerContext) => StartedWorker | Promise<StartedWorker>;
  /** How many workers there are. @default os.availableParallelism() */
  readonly count?: number;
  /** How long a worker may take to end, in milliseconds; two seconds later its process is killed. @default 10000 */
  readonly drainTimeoutMs?: number;
  /** How long a worker may take to be ready, in milliseconds. @default 30000 */
  readonly startTimeoutMs?: number;
  /**
   * The number of new workers that a restart makes ready before the old ones in their places drain, one after the other; for a
   * while there are so many more processes. If it is `count`, each client is cut once at most; if it is less, clients may come
   * back to workers that are still to be replaced.
   * @default as many as there are workers
   */
  readonly maxSurge?: number;
  /**
   * The back-off before a worker that crashed or failed to start is replaced. A policy that gives up (`fixed(1000, { attempts: 5
   * })`), throws or gives no number ends the primary as five failed starts do.
   * @default spread({ firstMs: 500 }): within half a second, then in windows that double, up to 30 s
   */
  readonly retry?: RetryPolicy;
  /**
   * The time in milliseconds after which a ready worker counts as stable: if it crashes later, the back-off begins again.
   * @default 2000
   */
  readonly stableMs?: number;
  /**
   * If true, every worker listens on a socket of its own, and the kernel spreads the connections (`SO_REUSEPORT`); else the
   * primary hands them out in turn. `start` gets this value in its context, for `bind`. When a worker ends, connections that the
   * kernel gave it and that it has not accepted are reset: under 20 busy clients, 12 restarts one by one and 6 kills lost 323 to
   * 340 connections, and 6 when the primary handed them out. Needs a port other than 0, which would be a different one for each
   * worker. Node 22.12 or newer, not on Windows and macOS.
   * @default false
   */
  readonly reusePort?: boolean;
  /** Called in the primary with each event of the workers. */
  readonly onWorker?: (event: WorkerEvent) => void;
  /**
   * Called in the primary when all workers have ended, to end its own work. Then, or after `drainTimeoutMs`, its process ends.
   */
  readonly onEnd?: () => Promise<void> | void;
  /** @default stderrLogger('info') */
  readonly logger?: Logger;
}

const FIRST_MS = 500;
/** No Node timer can wait longer. */
const MAX_MS = 2 ** 30;
const OPTIONS = describeOptions('runWorkers', {
  start: fn({ answers: 'a promise', required: true, purpose: 'begins the work of one worker' }),
  count: whole({ min: 1, max: 1024 }),
  drainTimeoutMs: number({ max: MAX_MS, default: 10_000 }),
  startTimeoutMs: number({ min: 1, max: MAX_MS, default: 30_000 }),
  maxSurge: whole({ min: 1 }),
  retry: fn({
    answers: 'at once',
    takes: 2,
    purpose: 'gives the next delay',
    default: spread({ firstMs: FIRST_MS }),
  }),
  stableMs: number({ max: MAX_MS, default: 2000 }),
  reusePort: flag({ default: false }),
  onWorker: fn({ answers: 'nothing', purpose: 'takes an event' }),
  onEnd: fn({ answers: 'a promise', purpose: 'ends the primary' }),
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
      `reusePort needs Node 22.12, 23.1 or newer, and Linux; this is Node ${process.versions.node} on ${process.platform}`,
      { option: 'reusePort' },
    );
  }
  return plan;
}

/** Whether `net.Server.listen` knows `reusePort` here, and the system spreads connections by it. */
export function canReusePort(version: string, platform: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isKnown = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  return isKnown && platform !== 'win32' && platform !== 'darwin';
}
