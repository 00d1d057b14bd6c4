import { type Clock, OptionError } from '@headrace/core';
import { describeOptions, list, number, type Resolved, whole } from '@headrace/core/authoring';
import { within } from '../time/within.ts';

/** A server that stops accepting and lets its connections end; a `Server` of `@headrace/core` is one. */
export interface Drainable {
  /** Resolves when its connections are gone or the time is over; `everyMs` is the longest time between two batches. */
  shutdown(options: {
    readonly drainTimeoutMs: number;
    readonly batch: number;
    readonly everyMs: number;
  }): Promise<void>;
  /** The listening channel: closed at once, so that no client connects while others are sent away. */
  readonly channel?: { close(reason: 'shutdown'): unknown };
  /** The number of connections to notify, which gives the time between batches. */
  readonly connections?: { readonly size: number };
}

/** Sends the clients of lasting channels elsewhere; a `ResumeTable` is one. */
export interface Movable {
  /** Notifies the clients within `spreadMs`, and does not wait for them. */
  move(options: { readonly spreadMs: number }): unknown;
  /** Lasting channels, with and without a link. */
  readonly size?: number;
  /** Channels without a link: their clients have gone. */
  readonly detached?: number;
}

/** Options of `Cluster.leave`. */
export interface LeaveOptions {
  /** The servers that stop accepting and are drained. @default none */
  readonly servers?: readonly Drainable[];
  /** The tables whose clients are sent to other nodes, before the servers' connections end. @default none */
  readonly tables?: readonly Movable[];
  /** How long connections may take to end, in milliseconds. @default 10000 */
  readonly drainTimeoutMs?: number;
  /**
   * The time over which connections are asked to go, in milliseconds. Clients of lasting channels go at random moments within it,
   * all others in batches after it.
   * @default 5000, or half of `drainTimeoutMs` if that is less
   */
  readonly spreadMs?: number;
  /** The number of connections that are notified together. @default 1000 */
  readonly batch?: number;
}

const OPTIONS = describeOptions('leave', {
  servers: list('a list of servers', { default: [] }),
  tables: list('a list of tables', { default: [] }),
  drainTimeoutMs: number({ default: 10_000 }),
  spreadMs: number(),
  batch: whole({ min: 1, default: 1000 }),
});
/** @internal The options, checked. */
export type LeavePlan = Resolved<LeaveOptions, typeof OPTIONS.kinds> & {
  readonly spreadMs: number;
};
const DEFAULT_SPREAD_MS = 5000;
const LOOK_MS = 100;

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
 * @internal Sends all clients away, and resolves when they are gone or the time is over. A failure keeps no other server from being
 * drained: the first error comes when all of that is done.
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

/** Clients of lasting channels go by themselves, each at a time of its own: their links are not ended meanwhile. */
async function moveAll(tables: readonly Movable[], spreadMs: number, clock: Clock): Promise<void> {
  const isLinked = ({ size = 0, detached = 0 }: Movable) => size > detached;
  const linked = tables.filter(isLinked);
  for (const table of tables) table.move({ spreadMs: Math.floor(spreadMs) });
  const endAt = clock.now() + spreadMs;
  while (linked.some(isLinked) && clock.now() < endAt) {
    const ms = Math.min(LOOK_MS, endAt - clock.now());
    await new Promise<void>((resolve) => void clock.schedule(resolve, ms, true));
  }
}

/** @internal Resolves when the groups have nothing under way any more, or the time is over. */
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
