// The JSON of `/status`. Sizes are in bytes, times in milliseconds.
import type { SlowMemberCounters } from '@headrace/core';

/** The numbers of one process, which `processStatus` makes, or of several, which {@link joinStatus} joins. */
export interface StatusReport {
  readonly processes: readonly ProcessReport[];
  /** The processes whose numbers are missing. */
  readonly missing: readonly MissingProcess[];
}

/** A process that did not report its numbers. */
export interface MissingProcess {
  readonly name: string;
  /** Why the numbers are missing, as a sentence without a stop. */
  readonly why: string;
}

/** The answer of `/status`. */
export interface ServedStatus extends StatusReport {
  /** Identifies the answer. */
  readonly headrace: 'status';
  /** Version of the format. A version with other meanings of the same fields has another number. */
  readonly version: 1;
  /** Reasons for the 503 of `/readyz` of the process that answers. Empty while it is ready. */
  readonly notReady: readonly string[];
}

/** The numbers of one process. */
export interface ProcessReport {
  /** Name of the process for people. */
  readonly name: string;
  /** Name of the machine. */
  readonly host: string;
  readonly pid: number;
  /** Version of the runtime. */
  readonly node: string;
  /** Time since the start of the process, in milliseconds. */
  readonly uptimeMs: number;
  readonly memory: MemoryReport;
  readonly connections: ConnectionsReport;
  readonly traffic: TrafficReport;
  /** Number of errors since the start, by code; see `ServerMetrics.errorsByCode`. */
  readonly errors: Readonly<Record<string, number>>;
  readonly channels: ChannelsReport;
  readonly groups: GroupsReport;
}

/** The memory of a process, in bytes, as Node's `process.memoryUsage()` reports it. */
export interface MemoryReport {
  readonly rssBytes: number;
  readonly heapUsedBytes: number;
  readonly arrayBufferBytes: number;
}

/** The connections of a process. */
export interface ConnectionsReport {
  readonly open: number;
  /** Number of connections since the start. */
  readonly opened: number;
  /** Number of closed connections since the start, by reason. */
  readonly closed: Readonly<Record<string, number>>;
}

/** The sums over all connections since the start, including closed connections; see `ChannelMetrics`. */
export interface TrafficReport {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly messagesRead: number;
  readonly messagesWritten: number;
  readonly writesFailed: number;
}

/**
 * The state of open channels. A process with more channels than `maxChannels` looks at a part of them for each report, and at the
 * next channels for the next report.
 */
export interface ChannelsReport {
  /** Number of channels that this report looked at. The other numbers are about these channels only. */
  readonly looked: number;
  /** Output that waits, in bytes. */
  readonly waitingBytes: number;
  /** Number of channels that are not writable. */
  readonly unwritable: number;
  /** Number of channels whose reads are held, by the reason, such as the name of a handler. */
  readonly holds: Readonly<Record<string, number>>;
  /** The channels with the most waiting output, then those with the longest time without reads. At most ten. */
  readonly slowest: readonly ChannelReport[];
}

/** One channel. */
export interface ChannelReport {
  readonly id: string;
  /** Address of the peer. */
  readonly remote: string;
  /** Output that waits, in bytes. */
  readonly waitingBytes: number;
  readonly isWritable: boolean;
  /** Reasons for the holds on reads, the oldest first. */
  readonly holds: readonly string[];
  /** Total time without reads, in milliseconds. */
  readonly heldMs: number;
}

/** The groups of a process. */
export interface GroupsReport {
  /** Number of groups that this report looked at, at most 1000. */
  readonly looked: number;
  /** Whether these are all groups. */
  readonly isWhole: boolean;
  /** The sums over these groups; see `ChannelGroup.slowMembers`. */
  readonly slowMembers: SlowMemberCounters;
  /** The groups with the most members. At most ten. */
  readonly largest: readonly GroupReport[];
}

/** One group. */
export interface GroupReport {
  readonly name: string;
  /** Number of members in this process. */
  readonly members: number;
  /** Number of broadcasts that are not complete. */
  readonly backlog: number;
}

/** Joins the reports of several processes. */
export function joinStatus(reports: Iterable<StatusReport>): StatusReport {
  const all = [...reports];
  return {
    processes: all.flatMap(({ processes }) => processes),
    missing: all.flatMap(({ missing }) => missing),
  };
}
