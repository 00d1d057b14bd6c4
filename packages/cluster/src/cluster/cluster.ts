import { memoryBus } from '@headrace/bus';
import { within } from '@headrace/bus/authoring';
import { type Channel, OptionError, stderrLogger } from '@headrace/core';
import { type Resolved, toError, WatchedEmitter } from '@headrace/core/authoring';
import { MemberQuestions } from '../asking/member-questions.ts';
import { BusDelivery } from '../delivery/bus-delivery.ts';
import { EnvelopeSeal } from '../envelope/envelope-seal.ts';
import { ClusterGroup } from '../group/cluster-group.ts';
import { type ClusterGroupOptions, checkGroupName, groupPlan } from '../group/group-options.ts';
import { GroupRegistry } from '../group/group-registry.ts';
import { Directory } from '../node/directory.ts';
import { Inbox } from '../node/inbox.ts';
import { isCount, type NodeInfo, type NodeState, type NodeStatus } from '../node/node-info.ts';
import { Subjects } from '../node/subject.ts';
import { Wire } from '../node/wire.ts';
import { type GroupContext, Presence } from '../presence/presence.ts';
import { ClusterUsers, type ClusterUsersOptions } from '../users/cluster-users.ts';
import { CLUSTER_OPTIONS, type ClusterOptions } from './cluster-options.ts';
import { cpuLoad } from './cpu-load.ts';
import {
  drainServers,
  type LeaveOptions,
  type LeavePlan,
  leavePlan,
  settled,
} from './drained-servers.ts';

/** Events of a {@link Cluster}. */
export interface ClusterEvents {
  /** Another node has joined, for the first time or again. */
  nodeJoined: [node: NodeInfo];
  /** The state, the figures or the life of a node has changed. */
  nodeChanged: [node: NodeInfo];
  /** A node has left, or sent no heartbeat for 5 s. */
  nodeLeft: [node: NodeInfo, reason: 'left' | 'node-gone'];
  /** The bus is up, and messages reach the other nodes. */
  up: [];
  /** The bus is down. Messages to members of other nodes are kept for a limited time. */
  down: [cause: Error | undefined];
}

/** Counts of a {@link Cluster} since it started. */
export interface ClusterCounters {
  /** Number of ignored messages of the bus, by cause. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** The options of a node, checked. */
type Plan = Resolved<ClusterOptions<never>, typeof CLUSTER_OPTIONS.kinds>;
/** The options without the keys. A printed cluster must not show its secrets. */
type NodePlan = Omit<Plan, 'keys'>;

/** Longer than 5 s, because a message of a durable group is stored within 5 s or fails. */
const SETTLE_MS = 6000;

/**
 * This process as a node of a cluster, with groups and users over all nodes, and a list of the nodes.
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
  implements AsyncDisposable
{
  readonly users: ClusterUsers<Principal>;
  private readonly context: GroupContext;
  private readonly plan: NodePlan;
  private readonly groups: GroupRegistry;
  private readonly load: () => number;
  private readonly additions = new Map<unknown, unknown>();
  private nodeState: NodeState = 'ready';
  private leaving: Promise<void> | undefined = undefined;
  /** Options that returned a wrong figure. Each option is logged once. */
  private readonly wrong = new Set<'connections' | 'load'>();

  private constructor({ keys, ...plan }: Plan) {
    super();
    const { clock, random, randomBytes, logger = stderrLogger() } = plan;
    const host = { clock, random, randomBytes, logger };
    const wire = new Wire(
      host,
      plan.bus ?? memoryBus(),
      new Subjects(plan.app),
      new EnvelopeSeal(keys),
    );
    const directory = new Directory(wire, () => this.status());
    this.plan = plan;
    this.groups = new GroupRegistry(clock);
    this.load = plan.load ?? cpuLoad();
    const parts = {
      wire,
      directory,
      inbox: new Inbox(wire),
      waiting: { bytes: 0 },
      lastWork: new Set<(timeoutMs: number) => Promise<void>>(),
    };
    const presence = new Presence(parts, plan.maxNodePresence);
    this.context = { ...parts, presence, questions: new MemberQuestions(parts) };
    this.users = new ClusterUsers<Principal>(
      this.context,
      plan.users as ClusterUsersOptions<Principal>,
    );
    directory.on('joined', (node) => this.emit('nodeJoined', node));
    directory.on('changed', (node) => this.emit('nodeChanged', node));
    directory.on('left', (node, reason) => this.emit('nodeLeft', node, reason));
  }

  /**
   * Joins the cluster, or starts it. Resolves when the bus is up, or after `joinTimeoutMs` (2 s). A node that starts without the
   * bus serves its own members, and joins the other nodes when the bus comes up.
   *
   * @throws OptionError if an option is wrong, or if the bus can never connect, for example because the package of its engine is not installed
   * @throws ChannelError `BUS_DOWN` for a bus that is closed, or has a cluster already
   */
  static async join<Principal = unknown>(
    options: ClusterOptions<Principal>,
  ): Promise<Cluster<Principal>> {
    const plan = CLUSTER_OPTIONS.resolve(options as ClusterOptions<never>);
    const cluster = new Cluster<Principal>(plan);
    await cluster.start(plan.joinTimeoutMs);
    return cluster;
  }

  /** The id of this node: 32 hexadecimal digits, new at each start. */
  get nodeId(): string {
    return this.context.wire.nodeId;
  }

  /** The state of the bus. */
  get state(): 'up' | 'down' {
    return this.context.wire.bus.state;
  }

  /** The nodes: this node first, then the others that are not gone. */
  get nodes(): readonly NodeInfo[] {
    const own: NodeInfo = { id: this.nodeId, life: 'alive', ...this.status() };
    return [own, ...this.context.directory.others()];
  }

  /** A copy of the counts since the node started. */
  get counters(): ClusterCounters {
    return { ignored: this.context.wire.faults.toObject() };
  }

  /** @internal For the tests of this package. */
  get parts(): GroupContext {
    return this.context;
  }

  /**
   * @internal Returns a part that another entry of this package adds to a node, for example the port of gateways. Each `make` is
   * called once.
   */
  addition<T>(make: (context: GroupContext) => T): T {
    if (!this.additions.has(make)) this.additions.set(make, make(this.context));
    return this.additions.get(make) as T;
  }

  /**
   * Returns the group of this name. The first call makes the group. Later calls return the same group, and must not pass other
   * options. The group is durable if `durableGroup` of `@headrace/durable` has made it.
   *
   * A group takes about 5 KB and lives as long as its cluster. With `lives: 'with-members'`, the group is freed with its last
   * member on this node. A group without `presence` and without members on this node costs nothing on the bus.
   *
   * @throws OptionError `OPTION_INVALID` for a wrong option or name; `OPTION_CONFLICT` for options that differ from those
   *   of the first call
   */
  group<Message = unknown>(
    name: string,
    options: ClusterGroupOptions<Message> = {},
  ): ClusterGroup<Message> {
    const group = this.groupOf<Message>(name, () => this.made(name, options));
    group.checkSameOptions(options);
    return group;
  }

  /**
   * @internal Returns the group of this name for a member that the application did not add. The group is freed with its last
   * member. A group at rest that the application refers to keeps its name and its options.
   */
  joinedGroup(name: string): ClusterGroup<unknown> {
    const options = { lives: 'with-members' } as const;
    const resting = this.groups.get(name) as ClusterGroup<unknown> | undefined;
    const group = this.groupOf(name, () => resting ?? this.made(name, options));
    group.askedByWorkers(options);
    return group;
  }

  /** @internal Returns the group of this name if it exists. A question from an unknown program must not make a group. */
  knownGroup(name: string): ClusterGroup<never> | undefined {
    return this.groups.used.get(name);
  }

  /** @internal The number of groups of this node. */
  get groupCount(): number {
    return this.groups.used.size;
  }

  /** @internal The names of the groups that a channel of this node is a member of. */
  groupsWith(channel: Channel): string[] {
    return this.groups.with(channel);
  }

  /** @internal Returns the group of this name, and makes it if it does not exist. @throws OptionError */
  groupOf<Message>(
    name: string,
    make: (context: GroupContext) => ClusterGroup<Message>,
  ): ClusterGroup<Message> {
    const known = this.groups.used.get(name) as ClusterGroup<Message> | undefined;
    if (known !== undefined) return known;
    checkGroupName(name);
    const group = make(this.context);
    group.begin(this.groups);
    return group;
  }

  /**
   * Leaves the cluster in order:
   *
   * 1. The other nodes and the route see that this node is draining, and its servers stop accepting.
   * 2. Clients of lasting channels are sent to other nodes. The other connections end in batches, after their output was sent.
   * 3. A worker of gateways finishes the messages under way, and gives its connections back.
   * 4. Writes to durable groups are stored, and the groups are left.
   * 5. Published messages are sent, and the bus is closed.
   *
   * A second call returns the same promise. Rejects with an `OptionError`, or with the first error of a server or table when all
   * other steps are done.
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

  /** Leaves the cluster like {@link Cluster.leave}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    const { logger } = this.context.wire.host;
    logger.log('error', `a listener of the cluster’s ${event} threw`, error);
  }

  private async start(timeoutMs: number): Promise<void> {
    const { wire, directory, inbox, presence } = this.context;
    const { bus, host, subjects } = wire;
    try {
      bus.open({ ...host, probe: subjects.probe(wire.nodeId) });
    } catch (thrown) {
      // The bus belongs to another cluster, so no part of this cluster stays on it.
      this.users.close();
      presence.close();
      throw thrown;
    }
    bus.on('up', () => this.emit('up'));
    bus.on('down', (cause) => this.emit('down', cause));
    inbox.start();
    directory.start();
    if (bus.state === 'up') return;
    let told = (_cause?: Error): void => {};
    const first = new Promise<Error | undefined>((resolve) => {
      told = resolve;
    });
    const up = (): void => told();
    bus.on('up', up);
    bus.on('down', told);
    const cause = await within(host.clock, timeoutMs, first, () => undefined);
    bus.off('up', up);
    bus.off('down', told);
    if (!(cause instanceof OptionError)) return;
    await this.leave({ drainTimeoutMs: 0 });
    throw cause;
  }

  private async leaveOnce(plan: LeavePlan): Promise<void> {
    const { wire, directory, inbox, presence, questions, lastWork } = this.context;
    const { clock } = wire.host;
    const deadline = clock.now() + plan.drainTimeoutMs;
    this.nodeState = 'draining';
    directory.announce();
    const failure = await drainServers(plan, clock).then(() => undefined, toError);
    const leftMs = Math.max(0, deadline - clock.now());
    await Promise.all(Array.from(lastWork, (work) => work(leftMs)));
    // Wait until the last writes of clients are stored, or have failed.
    await settled(this.groups.used.values(), SETTLE_MS, clock);
    presence.close();
    questions.close();
    this.groups.leave();
    this.users.close();
    this.nodeState = 'left';
    directory.announce();
    directory.stop();
    inbox.stop();
    await wire.bus.close();
    if (failure !== undefined) throw failure;
  }

  private status(): NodeStatus {
    const { address, roles, connections = () => this.largestGroup() } = this.plan;
    return {
      state: this.nodeState,
      address,
      connections: this.figure('connections', connections),
      load: this.figure('load', this.load),
      roles,
    };
  }

  /**
   * Returns a figure of the application, or 0 if the function of the application fails. The failure must not stop heartbeats or
   * end the process.
   */
  private figure(option: 'connections' | 'load', of: () => number): number {
    let text: string;
    try {
      const value: unknown = of();
      if (isCount(value)) return value;
      text = `${option} gave ${String(value)}`;
    } catch (thrown) {
      text = toError(thrown).message;
    }
    if (!this.wrong.has(option)) {
      this.wrong.add(option);
      const { logger } = this.context.wire.host;
      logger.log('error', `${option} of Cluster.join: ${text}; the other nodes hear 0`);
    }
    return 0;
  }

  /** Returns the group at rest that was made with the same options, or a new one. @throws OptionError */
  private made<Message>(
    name: string,
    options: ClusterGroupOptions<Message>,
  ): ClusterGroup<Message> {
    const resting = this.groups.get(name) as ClusterGroup<Message> | undefined;
    if (resting?.isAgain(options)) return resting;
    const { context } = this;
    const plan = groupPlan(options);
    return new ClusterGroup(name, context, plan, (local) => new BusDelivery(context, local, plan));
  }

  private largestGroup(): number {
    let largest = 0;
    for (const { size } of this.groups.used.values()) largest = Math.max(largest, size);
    return largest;
  }
}
