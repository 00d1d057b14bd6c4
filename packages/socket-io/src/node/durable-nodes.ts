import type { Cluster } from '@headrace/cluster';
import { DeliveredGroup, elsewhere, type GroupWire, portOf } from '@headrace/cluster/authoring';
import {
  type Channel,
  type ChannelMatcher,
  type GroupOutcome,
  OptionError,
  TimedOutError,
} from '@headrace/core';
import { attempted, describeOptions, whole } from '@headrace/core/authoring';
import { durablePlan, LogDelivery } from '@headrace/durable/authoring';
import {
  ClientCommand,
  type LogPart,
  type LogPlace,
  type Members,
  type NamespaceLog,
  type NamespaceReceiver,
  type NamespaceTerms,
  type NodeMessage,
  type SocketIoNodes,
} from '../namespace/namespace-nodes.ts';
import type { SocketIoEvent } from '../namespace/socket-io-event.ts';
import { clusterNodes, eventsOf, groupOf, type NamespaceGroup } from './cluster-nodes.ts';
import { NodeMessageCodec } from './node-message-codec.ts';
import { sessionRecordsOf } from './session-records.ts';

/** Options of {@link durableNodes}. */
export interface DurableNodesOptions {
  /** Minimum number of events that the log of a namespace keeps. @default 10000 */
  readonly messages?: number;
  /** Maximum length of an event in the log, in bytes. The outcome of a longer one fails with `MESSAGE_TOO_LONG`. @default 524288 */
  readonly maxMessageBytes?: number;
}

const OPTIONS = describeOptions('durableNodes', {
  messages: whole({ min: 1, default: 10_000 }),
  maxMessageBytes: whole({ min: 1, default: 512 * 1024 }),
});

/** Time for the store to answer, in milliseconds. */
const STORE_MS = 5000;
/** Time until a dead connection is noticed, with time for clocks that differ, in milliseconds. */
const NOTICED_MS = 120_000;
/** Life of a session's record, as a multiple of `maxDisconnectionMs`. It is written again before, so a kill leaves at least one. */
const RECORD_LIVES = 2;
const PAGE = 1000;

/**
 * Returns the nodes of a cluster for the option `nodes` of a `SocketIoNamespace`, with a log: each node makes the namespace once, with the
 * option `recovery`. It does what `clusterNodes` does, and more:
 *
 * - A client that loses its connection is recovered by **any** node, even after its node was killed. Its rooms and its `data` are in the
 *   store of the bus. They are written when the rooms change, in the turn after `connection`, at the latest after half of
 *   `maxDisconnectionMs`, and when the client leaves. What changed just before a kill, or while the store is away, can be missing.
 * - All nodes deliver the events of the namespace in one order, that of the log. An event is for those who are in its rooms when it comes
 *   from the log. Its outcome settles when it is stored. A node that was cut off delivers what it missed.
 * - Volatile and local events do not go through the log, and are not recovered.
 *
 * The bus needs a store: NATS with JetStream, Redis, or the processes of `node:cluster`. Redis can lose what it has acknowledged (see
 * `sessionLogOf` of `@headrace/lasting`); clients then get new sessions.
 *
 * @throws OptionError if an option is not valid
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 * import { SocketIoNamespace } from '@headrace/socket-io';
 * import { durableNodes } from '@headrace/socket-io/durable';
 *
 * const cluster = await Cluster.join({ app: 'chat' });
 * const main = new SocketIoNamespace('/', { nodes: durableNodes(cluster), recovery: {} });
 * await main.to('lobby').emit('said', 'stored, for the clients in the lobby on all nodes');
 * await cluster.leave();
 * ```
 */
export function durableNodes(
  cluster: Cluster<never>,
  options: DurableNodesOptions = {},
): SocketIoNodes {
  const { messages, maxMessageBytes } = OPTIONS.resolve(options);
  return {
    join(name, terms, receiver) {
      const recordMs = recordMsOf(name, terms);
      const limits = { messages, maxMessageBytes, ageMs: recordMs + NOTICED_MS };
      const { group, delivery, wire } = logOf(
        cluster,
        name,
        { ...terms.slow, ...limits },
        receiver,
      );
      const bus = clusterNodes(cluster).join(name, terms, withoutLosses(receiver));
      const members = new LoggedMembers(group, bus.members);
      return {
        ...bus,
        members,
        send: (command) => members.store(command),
        log: new NodeLog(cluster, members, delivery, {
          wire,
          recordMs,
          records: sessionRecordsOf(wire, name, recordMs),
        }),
      };
    },
  };
}

function recordMsOf(name: string, { maxDisconnectionMs }: NamespaceTerms): number {
  if (maxDisconnectionMs !== undefined) return RECORD_LIVES * maxDisconnectionMs;
  const text = `the namespace ${name} has durableNodes, and needs the option recovery: {} takes the defaults; clusterNodes works without it`;
  throw new OptionError('OPTION_CONFLICT', text, { option: 'nodes' });
}

function logOf(
  cluster: Cluster<never>,
  name: string,
  options: object,
  receiver: NamespaceReceiver,
) {
  let delivery!: LogDelivery<NodeMessage>;
  let wire!: GroupWire;
  const group = groupOf(cluster, `log ${name}`, (groupName, node) => {
    ({ wire } = node);
    const codec = new NodeMessageCodec(name);
    const plan = durablePlan<NodeMessage>(groupName, { ...options, codec, recent: 0 });
    return new DeliveredGroup(groupName, node, plan, (one) => {
      delivery = new LogDelivery(node.wire, one, plan, {
        receive: (message, at, local) => receiver.received(message, eventsOf(local), at),
        moved: (at) => receiver.moved(at),
      });
      return delivery;
    });
  });
  group.on('skipped', () => receiver.lost());
  return { group, delivery, wire };
}

/** What goes from node to node beside the log is not recovered. */
function withoutLosses(receiver: NamespaceReceiver): NamespaceReceiver {
  return {
    received: (message, members) => receiver.received(message, members),
    clients: (chosen) => receiver.clients(chosen),
    moved: () => {},
    lost: () => {},
  };
}

/** The clients of this process. Events for clients of other nodes, too, go through the log, and others beside it. */
class LoggedMembers implements Members {
  private readonly log: NamespaceGroup;
  private readonly bus: Members;
  private last: GroupOutcome | undefined = undefined;

  constructor(log: NamespaceGroup, bus: Members) {
    this.log = log;
    this.bus = bus;
  }

  get size(): number {
    return this.log.size;
  }

  get backlog(): number {
    return this.log.local.backlog + this.bus.backlog;
  }

  [Symbol.iterator](): Iterator<Channel> {
    return this.log[Symbol.iterator]();
  }

  add(channel: Channel): boolean {
    return this.log.add(channel) && this.bus.add(channel);
  }

  writeAndFlush(event: SocketIoEvent, matcher?: ChannelMatcher): GroupOutcome {
    const isBeside = event.isVolatile || elsewhere(matcher) === 'none';
    return isBeside ? this.bus.writeAndFlush(event, matcher) : this.store(event);
  }

  store(message: NodeMessage): GroupOutcome {
    const outcome = this.log.writeAndFlush(message);
    // A message that is refused at once is not behind those before it.
    if (!outcome.isBegun) this.last = outcome;
    return outcome;
  }

  /** The last message of this node that is not delivered on this node yet. Those before it come before it. */
  get waiting(): GroupOutcome | undefined {
    return this.last?.isBegun === false ? this.last : undefined;
  }
}

interface NodeLogParts extends Pick<NamespaceLog, 'records' | 'recordMs'> {
  readonly wire: GroupWire;
}

/** The log of a namespace on this node. */
class NodeLog implements NamespaceLog {
  readonly records: NamespaceLog['records'];
  readonly recordMs: number;
  private readonly cluster: Cluster<never>;
  private readonly wire: GroupWire;
  private readonly members: LoggedMembers;
  private readonly delivery: LogDelivery<NodeMessage>;

  constructor(
    cluster: Cluster<never>,
    members: LoggedMembers,
    delivery: LogDelivery<NodeMessage>,
    { records, recordMs, wire }: NodeLogParts,
  ) {
    this.records = records;
    this.recordMs = recordMs;
    this.wire = wire;
    this.cluster = cluster;
    this.members = members;
    this.delivery = delivery;
  }

  get clock() {
    return this.wire.host.clock;
  }

  get logger() {
    return this.wire.host.logger;
  }

  get isWaiting(): boolean {
    return this.members.waiting !== undefined;
  }

  onceDelivered(listener: () => void): void {
    const { waiting } = this.members;
    if (waiting === undefined) listener();
    else waiting.onceBegun(listener);
  }

  caughtUp(): Promise<void> {
    return this.delivery.caughtUp();
  }

  limited<T>(work: () => Promise<T>, late?: (result: T) => void): Promise<T> {
    const text = `the store has not answered within ${STORE_MS} ms`;
    const error = () => new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs: STORE_MS });
    return attempted(work, { limit: { clock: this.clock, timeoutMs: STORE_MS, error } }, late);
  }

  async since(place: LogPlace): Promise<LogPart | undefined> {
    const found = await this.delivery.history.since(place, { limit: PAGE });
    if (!found.recovered) return undefined;
    const messages = found.entries.map(({ message, position }) => ({ message, at: position }));
    return { messages, to: found.position.offset, isComplete: found.isComplete };
  }

  claimed(id: string, owner: string): void {
    const chosen = { rooms: [id], except: [] };
    const sent = this.members.store(new ClientCommand(chosen, { name: 'replace', owner }));
    sent.onSettled(() => {});
  }

  whenLeaving(work: () => Promise<void>): void {
    portOf(this.cluster).listen({
      received: () => {},
      peersChanged: () => {},
      busChanged: () => {},
      leaving: () => this.limited(work).catch(() => {}),
    });
  }
}
