import { within } from '@headrace/bus/authoring';
import { type Clock, OptionError } from '@headrace/core';
import { describeOptions, list, number, type Resolved, whole } from '@headrace/core/authoring';

/** A server that can be drained, such as a `Server` of `@headrace/core`. */
export interface Drainable {
  /** Resolves when the connections have ended, or after `drainTimeoutMs`. `everyMs` is the longest time between two batches. */
  shutdown(options: {
    readonly drainTimeoutMs: number;
    readonly batch: number;
    readonly everyMs: number;
  }): Promise<void>;
  /** The listening channel, which is closed at once, so that no client connects during the drain. */
  readonly channel?: { close(reason: 'shutdown'): unknown };
  /** The number of connections to notify. The time between two batches follows from this number. */
  readonly connections?: { readonly size: number };
}

/** Sends the clients of lasting channels to other nodes. A `ResumeTable` is such an object. */
export interface Movable {
  /** Notifies the clients within `spreadMs`, and does not wait for them. */
  move(options: { readonly spreadMs: number }): unknown;
  /** Number of lasting channels, with and without a connection. */
  readonly size?: number;
  /** Number of lasting channels without a connection, whose clients have left. */
  readonly detached?: number;
}

/** Options of `Cluster.leave`. */
export interface LeaveOptions {
  /** Servers that stop accepting and are drained. @default none */
  readonly servers?: readonly Drainable[];
  /** Tables whose clients are sent to other nodes before the connections of the servers end. @default none */
  readonly tables?: readonly Movable[];
  /** Maximum time until the connections have ended, in milliseconds. @default 10000 */
  readonly drainTimeoutMs?: number;
  /**
   * Time in which the connections are asked to end, in milliseconds. First, clients of lasting channels leave at random moments
   * within this time. When they have left, all other connections end in batches, within this time again.
   * @default 5000, or half of `drainTimeoutMs` if that is less
   */
  readonly spreadMs?: number;
  /** Number of connections that are notified together. @default 100 */
  readonly batch?: number;
}

const OPTIONS = describeOptions('leave', {
  servers: list('a list of servers', { default: [] }),
  tables: list('a list of tables', { default: [] }),
  drainTimeoutMs: number({ default: 10_000 }),
  spreadMs: number(),
  batch: whole({ min: 1, default: 100 }),
});
/** @internal The options, checked. */
export type LeavePlan = Resolved<LeaveOptions, typeof OPTIONS.kinds> & {
  readonly spreadMs: number;
};
const DEFAULT_SPREAD_MS = 5000;
const POLL_INTERVAL_MS = 100;

/** @internal @throws OptionError */
export function leavePlan(options: LeaveOptions): LeavePlan {
  const plan = OPTIONS.resolve(options);
  const { drainTimeoutMs } = plan;
  const { spreadMs = Math.min(DEFAULT_SPREAD_MS, drainTimeoutMs / 2) } = plan;
  if (spreadMs > drainTimeoutMs) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `spreadMs (${spreadMs}) exceeds drainTimeoutMs (${drainTimeoutMs}): the last clients would never be notified`,
      { spreadMs, drainTimeoutMs },
    );
  }
  return { ...plan, spreadMs };
}

/**
 * @internal Sends all clients to other nodes. Resolves when the clients have left, or after `drainTimeoutMs`. If a server or
 * table fails, the others are still drained, and then the first error is thrown.
 */
export async function drainServers(plan: LeavePlan, clock: Clock): Promise<void> {
  const { servers, tables, drainTimeoutMs, batch, spreadMs } = plan;
  const deadline = clock.now() + drainTimeoutMs;
  for (const server of servers) server.channel?.close('shutdown');
  const moved = await Promise.allSettled([moveAll(tables, spreadMs, clock)]);
  const leftMs = Math.max(0, deadline - clock.now());
  const drained = await Promise.allSettled(
    servers.map(async (server) => {
      const batches = Math.ceil((server.connections?.size ?? 0) / batch);
      const everyMs = Math.min(spreadMs, leftMs) / Math.max(1, batches);
      await server.shutdown({ drainTimeoutMs: leftMs, batch, everyMs });
    }),
  );
  for (const one of [...moved, ...drained]) if (one.status === 'rejected') throw one.reason;
}

/**
 * Asks the clients of lasting channels to leave, at random moments, and waits for them. The connections of these clients are not
 * ended meanwhile.
 */
async function moveAll(tables: readonly Movable[], spreadMs: number, clock: Clock): Promise<void> {
  const isLinked = ({ size = 0, detached = 0 }: Movable) => size > detached;
  const linked = tables.filter(isLinked);
  for (const table of tables) table.move({ spreadMs: Math.floor(spreadMs) });
  const endAt = clock.now() + spreadMs;
  while (linked.some(isLinked) && clock.now() < endAt) {
    const ms = Math.min(POLL_INTERVAL_MS, endAt - clock.now());
    await new Promise<void>((resolve) => void clock.schedule(resolve, ms, true));
  }
}

/** @internal Resolves when no group has an operation under way, or after `timeoutMs`. */
export async function settled(
  groups: Iterable<{ onceDrained(listener: () => void): void }>,
  timeoutMs: number,
  clock: Clock,
): Promise<void> {
  const all = Array.from(
    groups,
    (group) => new Promise<void>((resolve) => group.onceDrained(resolve)),
  );
  await within(clock, timeoutMs, Promise.all(all), () => []);
}
