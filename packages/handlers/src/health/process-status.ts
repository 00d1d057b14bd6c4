import { hostname } from 'node:os';
import type { Channel, Group, SlowMemberCounters } from '@headrace/core';
import { addressText, describeOptions, fn, having, text, whole } from '@headrace/core/authoring';
import type { ServerMetrics } from '../metrics/server-metrics.ts';
import type {
  ChannelReport,
  ChannelsReport,
  GroupReport,
  GroupsReport,
  MemoryReport,
  StatusReport,
} from './status-report.ts';

/** A group in a report, such as a `ChannelGroup`. */
export type StatusGroup = Pick<Group, 'name' | 'size' | 'backlog'> & {
  readonly slowMembers?: Readonly<SlowMemberCounters>;
};

/** Options of {@link processStatus}. */
export interface ProcessStatusOptions {
  /** The metrics of the connections that are reported. */
  readonly metrics: ServerMetrics;
  /** Returns the groups that are reported, called for each report. Further groups than 1000 are not reported. @default none */
  readonly groups?: () => Iterable<StatusGroup>;
  /** Name of the process for people. @default 'process PID' */
  readonly name?: string;
  /**
   * Maximum number of channels that one report looks at. A report takes about a microsecond for each of them, in one turn of the
   * event loop.
   * @default 1000
   */
  readonly maxChannels?: number;
}

const OPTIONS = describeOptions('processStatus', {
  metrics: having('countError', 'a ServerMetrics', { required: true }),
  groups: fn({ answers: 'sync', takes: 0, purpose: 'returns the groups' }),
  name: text('a name for people'),
  maxChannels: whole({ min: 1, default: 1000 }),
});

const MAX_GROUPS = 1000;
const MAX_LISTED = 10;
/** Maximum number of reasons for holds, because handlers can use any text. */
const MAX_HOLDS = 64;
/** Maximum length of a name, which can be a text of a peer. */
const MAX_NAME_LENGTH = 100;

/**
 * Returns a function that reports the numbers of this process, for the option `status` of {@link serveHealth}: connections,
 * waiting output, handlers that hold reads, groups, errors, memory. The numbers of all connections come from the
 * `MetricsHandler` in their pipelines.
 *
 * @throws OptionError (OPTION_INVALID) for a wrong option
 *
 * @example
 * ```ts run
 * import { ChannelGroup } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { MetricsHandler, ServerMetrics } from '@headrace/handlers';
 * import { processStatus } from '@headrace/handlers/health';
 *
 * const metrics = new ServerMetrics();
 * const room = new ChannelGroup('room');
 * const status = processStatus({ metrics, groups: () => [room] });
 *
 * const channel = new EmbeddedChannel(new MetricsHandler({ metrics }));
 * room.add(channel);
 * channel.holdReads('Shop');
 * const [report] = status().processes;
 * console.log(report!.connections.open, report!.channels.holds, report!.groups.largest[0]!.name);
 * // prints 1 { Shop: 1 } room
 * ```
 */
export function processStatus(options: ProcessStatusOptions): () => StatusReport {
  const { metrics, groups = () => [], maxChannels, name } = OPTIONS.resolve(options);
  const look = new ChannelLook(metrics.openChannels, maxChannels);
  return () => {
    const report = {
      name: shortened(name ?? `process ${process.pid}`),
      host: hostname(),
      pid: process.pid,
      node: process.versions.node,
      uptimeMs: Math.round(process.uptime() * 1000),
      memory: memory(),
      connections: {
        open: metrics.open,
        opened: metrics.opened,
        closed: Object.fromEntries(metrics.closed),
      },
      traffic: {
        bytesRead: metrics.total('bytesRead'),
        bytesWritten: metrics.total('bytesWritten'),
        messagesRead: metrics.total('messagesRead'),
        messagesWritten: metrics.total('messagesWritten'),
        writesFailed: metrics.total('writesFailed'),
      },
      errors: Object.fromEntries(metrics.errorsByCode),
      channels: look.report(),
      groups: groupsReport(groups()),
    };
    return { processes: [report], missing: [] };
  };
}

/** Looks at a part of the channels, and at the next part the next time, so that many channels do not block the event loop. */
class ChannelLook {
  private readonly channels: ReadonlySet<Channel>;
  private readonly max: number;
  /** The place in the set where the next look begins. It stays valid when channels open and close. */
  private next: Iterator<Channel>;

  constructor(channels: ReadonlySet<Channel>, max: number) {
    this.channels = channels;
    this.max = max;
    this.next = channels.values();
  }

  report(): ChannelsReport {
    const looked = this.look();
    const holds = new Map<string, number>();
    let waitingBytes = 0;
    let unwritable = 0;
    const slow: Channel[] = [];
    for (const channel of looked) {
      waitingBytes += channel.pendingOutboundBytes;
      if (!channel.isWritable) unwritable += 1;
      if (channel.isReadHeld) for (const why of channel.readHolds) count(holds, why);
      if (channel.pendingOutboundBytes > 0 || channel.isReadHeld) slow.push(channel);
    }
    const slowest = slow.sort(bySlowness).slice(0, MAX_LISTED).map(channelReport);
    return {
      looked: looked.length,
      waitingBytes,
      unwritable,
      holds: Object.fromEntries(holds),
      slowest,
    };
  }

  private look(): Channel[] {
    const { channels, max } = this;
    if (channels.size <= max) return [...channels];
    const looked = new Set<Channel>();
    while (looked.size < max) {
      const { value, done } = this.next.next();
      if (done === true) this.next = channels.values();
      else looked.add(value);
    }
    return [...looked];
  }
}

function bySlowness(one: Channel, other: Channel): number {
  return other.pendingOutboundBytes - one.pendingOutboundBytes || other.readHeldMs - one.readHeldMs;
}

function channelReport(channel: Channel): ChannelReport {
  const { id, remoteAddress, pendingOutboundBytes, isWritable, readHolds, readHeldMs } = channel;
  return {
    id,
    remote: remoteAddress === undefined ? '' : shortened(addressText(remoteAddress)),
    waitingBytes: pendingOutboundBytes,
    isWritable,
    holds: readHolds.slice(0, MAX_LISTED).map(shortened),
    heldMs: Math.round(readHeldMs),
  };
}

function count(holds: Map<string, number>, why: string): void {
  const short = shortened(why);
  const reason = holds.has(short) || holds.size < MAX_HOLDS ? short : 'other';
  holds.set(reason, (holds.get(reason) ?? 0) + 1);
}

function groupsReport(groups: Iterable<StatusGroup>): GroupsReport {
  const found: GroupReport[] = [];
  const slowMembers = { closed: 0, droppedNewest: 0, droppedOldest: 0, coalesced: 0 };
  let isWhole = true;
  for (const group of groups) {
    if (found.length === MAX_GROUPS) {
      isWhole = false;
      break;
    }
    const { name, size, backlog, slowMembers: slow = {} as Partial<SlowMemberCounters> } = group;
    found.push({ name: shortened(name), members: size, backlog });
    for (const key of Object.keys(slowMembers) as (keyof SlowMemberCounters)[]) {
      slowMembers[key] += slow[key] ?? 0;
    }
  }
  const largest = [...found].sort((one, other) => other.members - one.members).slice(0, MAX_LISTED);
  return { looked: found.length, isWhole, slowMembers, largest };
}

function memory(): MemoryReport {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return { rssBytes: rss, heapUsedBytes: heapUsed, arrayBufferBytes: arrayBuffers };
}

function shortened(text: string): string {
  return text.length <= MAX_NAME_LENGTH ? text : `${text.slice(0, MAX_NAME_LENGTH - 1)}…`;
}
