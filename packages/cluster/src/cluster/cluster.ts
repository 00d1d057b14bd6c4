import { randomBytes } from 'node:crypto';
import { OptionError, stderrLogger, systemClock } from '@headrace/core';
import { checkNumber, isPromiseLike, toError, WatchedEmitter } from '@headrace/core/authoring';
import type { Bus } from '../bus/bus.ts';
import { memoryBus } from '../bus/memory/memory-bus.ts';
import { Subjects } from '../bus/subject.ts';
import { type GatewayCluster, type GatewayPort, gatewayPort } from '../gateway/cluster-port.ts';
import { ClusterGroup } from '../group/cluster-group.ts';
import { type ClusterGroupOptions, checkGroupOptions } from '../group/group-options.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import { Directory } from '../node/directory.ts';
import { Inbox } from '../node/inbox.ts';
import { isCount, type NodeInfo, type NodeState, type NodeStatus } from '../node/node-info.ts';
import { type NodeHost, Wire } from '../node/wire.ts';
import { DurableGroup } from '../room/durable-group.ts';
import type { DurableGroupOptions } from '../room/durable-options.ts';
import { ClusterUsers } from '../users/cluster-users.ts';
import { type ClusterOptions, checkClusterOptions } from './cluster-options.ts';
import { cpuLoad } from './cpu-load.ts';
import {
  drainServers,
  type LeaveOptions,
  type LeavePlan,
  leavePlan,
  settled,
} from './drained-servers.ts';

/** What a {@link Cluster} announces. */
export interface ClusterEvents {
  /** Another node is there, for the first time or again. */
  nodeJoined: [node: NodeInfo];
  /** Its state, its figures, or how sure it is that it lives. */
  nodeChanged: [node: NodeInfo];
  /** It has left, or was not heard for 5 s. */
  nodeLeft: [node: NodeInfo, reason: 'left' | 'node-gone'];
  /** The bus lets messages through. */
  up: [];
  /** It does not: members of other nodes are not reached; what is sent to them is kept for a while. */
  down: [cause: Error | undefined];
}

/** What a {@link Cluster} counted so far. */
export interface ClusterCounters {
  /** What came over the bus and was ignored, by cause. */
  readonly ignored: Readonly<Record<string, number>>;
}

const JOIN_TIMEOUT_MS = 2000;
/** A message of a durable group is stored within 5 s, or fails. */
const SETTLE_MS = 6000;

/**
 * This process as a node of a cluster: groups and users over all nodes, and who the others are.
 *
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 *
 * const cluster = await Cluster.join({ app: 'chat' });
 * const room = cluster.group<string>('lobby');
 * room.writeAndFlush('to all members, on all nodes');
 * console.log(room.total, cluster.state);
 * await cluster.leave();
 * // prints 0 up
 * ```
 */
export class Cluster<Principal = unknown>
  extends WatchedEmitter<ClusterEvents>
  implements AsyncDisposable, GatewayCluster
{
  /** The users on all nodes. */
  readonly users: ClusterUsers<Principal>;
  private readonly context: ClusterContext;
  private readonly options: ClusterOptions<Principal>;
  private readonly groups = new Map<string, ClusterGroup<never> | DurableGroup<never>>();
  private readonly load: () => number;
  private port: GatewayPort | undefined = undefined;
  private nodeState: NodeState = 'ready';
  private leaving: Promise<void> | undefined = undefined;
  /** Figures of the application that were wrong: one line for each. */
  private readonly wrong = new Set<'connections' | 'load'>();

  private constructor(options: ClusterOptions<Principal>, host: NodeHost, bus: Bus) {
    super();
    const wire = new Wire(host, bus, new Subjects(options.app));
    const directory = new Directory(wire, () => this.status());
    this.options = options;
    this.load = options.load ?? cpuLoad();
    this.context = { wire, directory, inbox: new Inbox(wire) };
    this.users = new ClusterUsers<Principal>(this.context, options.users);
    directory.on('joined', (node) => this.emit('nodeJoined', node));
    directory.on('changed', (node) => this.emit('nodeChanged', node));
    directory.on('left', (node, reason) => this.emit('nodeLeft', node, reason));
  }

  /**
   * Joins, or begins the cluster: resolves when the bus is up, or after 2 s without it. A bus that is away keeps no
   * node from starting: members of this node are served, and the rest follows when it comes.
   *
   * @throws OptionError
   * @throws ChannelError `BUS_DOWN` for a bus that is closed, or has a cluster already
   */
  static async join<Principal = unknown>(
    options: ClusterOptions<Principal>,
  ): Promise<Cluster<Principal>> {
    checkClusterOptions(options);
    const host = hostOf(options);
    const timeoutMs = options.joinTimeoutMs ?? JOIN_TIMEOUT_MS;
    checkNumber('joinTimeoutMs', timeoutMs);
    const cluster = new Cluster(options, host, options.bus ?? memoryBus());
    await cluster.start(timeoutMs);
    return cluster;
  }

  /** This node, 32 hexadecimal digits, new at each start. */
  get nodeId(): string {
    return this.context.wire.nodeId;
  }

  /** Of the bus. */
  get state(): 'up' | 'down' {
    return this.context.wire.bus.state;
  }

  /** This node first, then the others that are not gone. */
  get nodes(): readonly NodeInfo[] {
    const own: NodeInfo = { id: this.nodeId, life: 'alive', ...this.status() };
    return [own, ...this.context.directory.others()];
  }

  /** Since the node started. A copy. */
  get counters(): ClusterCounters {
    return { ignored: this.context.wire.faults.toObject() };
  }

  /** For gateways and workers: `new Gateway({ cluster })`. */
  get gatewayPort(): GatewayPort {
    this.port ??= gatewayPort(this.context);
    return this.port;
  }

  /** @internal For gateways, workers and routes of this package. */
  get parts(): ClusterContext {
    return this.context;
  }

  /**
   * The group of this name. It is made at the first call; later calls give the same one, and must not give other
   * options. With `durable` its messages go through the log of the bus: later calls give `durable: true`.
   *
   * A group lives as long as its cluster. Without `presence` and without members here it costs nothing on the bus.
   *
   * @throws OptionError `OPTION_INVALID` for a wrong option or name; `OPTION_CONFLICT` for options that differ from those
   *   of the first call, and for `durable` over a bus without a log
   */
  group<Message = unknown>(
    name: string,
    options: DurableGroupOptions<Message>,
  ): DurableGroup<Message>;
  group<Message = unknown>(
    name: string,
    options?: ClusterGroupOptions<Message>,
  ): ClusterGroup<Message>;
  group<Message = unknown>(
    name: string,
    options: ClusterGroupOptions<Message> | DurableGroupOptions<Message> = {},
  ): ClusterGroup<Message> | DurableGroup<Message> {
    const isDurable = 'durable' in options && options.durable !== undefined;
    const known = this.groups.get(name);
    if (known !== undefined) {
      if (known instanceof DurableGroup !== isDurable) throw otherKind(name, isDurable);
      known.checkSameOptions(options as never);
      return known as never;
    }
    let group: ClusterGroup<Message> | DurableGroup<Message>;
    if (isDurable) group = new DurableGroup<Message>(name, this.context, options);
    else {
      checkGroupOptions(name, options as ClusterGroupOptions<Message>);
      group = new ClusterGroup<Message>(
        name,
        this.context,
        options as ClusterGroupOptions<Message>,
      );
    }
    this.groups.set(name, group as never);
    // What was left has no groups that tell and ask: this one is for the members here, as those before it are.
    if (this.nodeState === 'left') group.leave();
    return group;
  }

  /**
   * The polite end of this node: the others, and the route, see that it is draining; its servers stop accepting; the
   * clients of lasting channels are sent to other nodes, and the other connections end in batches, when everything for
   * them has left. Then what was written to durable groups is stored, the groups are left, and the bus is closed when
   * what was published has left. A second call joins the first. Rejects with an `OptionError`; and with the first error
   * of a server or table, once all the rest is done.
   */
  leave(options: LeaveOptions = {}): Promise<void> {
    if (this.leaving !== undefined) return this.leaving;
    let plan: LeavePlan;
    try {
      plan = leavePlan(options);
    } catch (error) {
      return Promise.reject(toError(error));
    }
    this.leaving = this.leaveOnce(plan);
    return this.leaving;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    const { logger } = this.context.wire.host;
    logger.log('error', `a listener of the cluster’s ${event} threw`, error);
  }

  private async start(timeoutMs: number): Promise<void> {
    const { wire, directory, inbox } = this.context;
    const { bus, host, subjects } = wire;
    try {
      bus.open({ ...host, probe: subjects.probe(wire.nodeId) });
    } catch (thrown) {
      // The bus is another cluster's: nothing of this one stays on it.
      this.users.close();
      throw thrown;
    }
    bus.on('up', () => this.emit('up'));
    bus.on('down', (cause) => this.emit('down', cause));
    inbox.start();
    directory.start();
    if (bus.state === 'up') return;
    await new Promise<void>((resolve) => {
      const timer = host.clock.schedule(over, timeoutMs, true);
      function over(): void {
        timer.cancel();
        bus.off('up', over);
        resolve();
      }
      bus.on('up', over);
    });
  }

  private async leaveOnce(plan: LeavePlan): Promise<void> {
    const { wire, directory, inbox } = this.context;
    const { clock } = wire.host;
    this.nodeState = 'draining';
    directory.announce();
    const failure = await drainServers(plan, clock).then(() => undefined, toError);
    // What clients wrote last is stored, or it is known that it could not be.
    await settled(this.groups.values(), SETTLE_MS, clock);
    for (const group of this.groups.values()) group.leave();
    this.users.close();
    this.nodeState = 'left';
    directory.announce();
    directory.stop();
    inbox.stop();
    await wire.bus.close();
    if (failure !== undefined) throw failure;
  }

  private status(): NodeStatus {
    const { address, roles = [], connections = () => this.largestGroup() } = this.options;
    return {
      state: this.nodeState,
      address,
      connections: this.figure('connections', connections),
      load: this.figure('load', this.load),
      roles,
    };
  }

  /** What the application does wrong here keeps no heartbeat back, and ends no process. */
  private figure(option: 'connections' | 'load', of: () => number): number {
    let text: string;
    try {
      const value: unknown = of();
      if (isCount(value)) return value;
      if (isPromiseLike(value)) value.then(undefined, () => {});
      text = isPromiseLike(value) ? 'gave a promise' : `gave ${String(value)}`;
    } catch (thrown) {
      text = `threw ${toError(thrown).message}`;
    }
    if (!this.wrong.has(option)) {
      this.wrong.add(option);
      const { logger } = this.context.wire.host;
      logger.log('error', `${option} of Cluster.join ${text}: the other nodes hear 0`);
    }
    return 0;
  }

  private largestGroup(): number {
    let largest = 0;
    for (const { size } of this.groups.values()) largest = Math.max(largest, size);
    return largest;
  }
}

function otherKind(name: string, isDurable: boolean): OptionError {
  const text = isDurable
    ? `the group ${name} is there, and is not durable`
    : `the group ${name} is durable: get it with { durable: true }`;
  return new OptionError('OPTION_CONFLICT', text, { option: 'durable' });
}

function hostOf<P>(options: ClusterOptions<P>): NodeHost {
  return {
    clock: options.clock ?? systemClock,
    logger: options.logger ?? stderrLogger(),
    random: options.random ?? Math.random,
    randomBytes: options.randomBytes ?? randomBytes,
  };
}
