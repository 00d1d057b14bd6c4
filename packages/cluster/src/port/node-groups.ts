import type { Buffer } from 'node:buffer';
import type { Bus, BusHost } from '@headrace/bus';
import type { Channel, GroupOutcome } from '@headrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { BusDelivery, type BusDeliveryOptions } from '../delivery/bus-delivery.ts';
import type { DeliveryGroup, GroupDelivery } from '../delivery/group-delivery.ts';
import type { Body } from '../envelope/body.ts';
import { ClusterGroup } from '../group/cluster-group.ts';
import type { ClusterGroupOptions, GroupPlan } from '../group/group-options.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { GroupContext } from '../presence/presence.ts';

/** A message that a node has stored. */
export interface StoredMessage extends Body {
  readonly node: string;
}

/** The node of a group. */
export interface GroupNode {
  readonly wire: GroupWire;
}

/** The connection of a node to the bus, as a delivery through the log uses it. */
export interface GroupWire {
  readonly host: Pick<BusHost, 'clock' | 'logger' | 'random'>;
  readonly bus: Bus;
  readonly nodeId: string;
  readonly subjects: {
    stream(group: string): string;
    state(group: string): string;
    keys(scope: string): string;
    records(name: string): string;
  };
  /** Returns hexadecimal digits that cannot be guessed. */
  randomText(size: number): string;
  /** Encodes a message for the log. @param scope - the scope of the seal: the stream and the id */
  encode(scope: string, number: number, body: Body): Buffer;
  /** Decodes a message of the log. Returns undefined for bytes that no node of the cluster made, and counts them. */
  read(bytes: Buffer, stream: string, scope: string): StoredMessage | undefined;
  /** Counts and logs a message whose body is not valid. */
  reportFault(message: StoredMessage, stream: string, thrown: unknown): void;
}

/** The constructor of a group that delivers its messages in a way of its own. @throws OptionError */
export type DeliveredGroupClass = new <Message, Outcome extends GroupOutcome>(
  name: string,
  node: GroupNode,
  plan: GroupPlan<Message>,
  deliveryOf: (group: DeliveryGroup) => GroupDelivery<Message>,
) => ClusterGroup<Message, Outcome>;

/** A group that delivers its messages in a way of its own. `ClusterGroup` has no public constructor. */
export const DeliveredGroup = ClusterGroup as unknown as DeliveredGroupClass;

/** Returns a delivery over the bus, for a group that receives the messages of other nodes in a way of its own. */
export function busDelivery<Message>(
  node: GroupNode,
  group: DeliveryGroup,
  options: BusDeliveryOptions<Message>,
): GroupDelivery<Message> {
  return new BusDelivery(node as ClusterContext, group, options);
}

/** The groups of one node, and the users of its channels. */
export interface NodeGroups {
  /** Returns the group of this name, and makes it if it does not exist. @throws OptionError */
  of<Message>(
    name: string,
    make: (node: GroupNode) => ClusterGroup<Message>,
  ): ClusterGroup<Message>;
  /** Checks the options when the application asks for the group. @throws OptionError for options that differ from the first */
  checkSameOptions<Message>(
    group: ClusterGroup<Message>,
    options: ClusterGroupOptions<Message>,
  ): void;
  /** Returns the group of this name for a member that the application did not add. It is freed with its last member. */
  joined(name: string): ClusterGroup<unknown>;
  /** Returns the group of this name if it exists. */
  known(name: string): ClusterGroup<never> | undefined;
  /** Returns the names of the groups that a channel of this node is a member of. */
  with(channel: Channel): string[];
  /** Returns the ids of the users that a channel of this node is bound to. */
  usersOf(channel: Channel): string[];
}

/** Returns the groups of a node. */
export function groupsOf(cluster: Cluster<never>): NodeGroups {
  return {
    of: (name, make) => cluster.groupOf(name, make),
    checkSameOptions: (group, options) => group.checkSameOptions(options),
    joined: (name) => cluster.joinedGroup(name),
    known: (name) => cluster.knownGroup(name),
    with: (channel) => cluster.groupsWith(channel),
    usersOf: (channel) => cluster.users.idsOf(channel),
  };
}

/** Returns the connection of a node to the bus, for groups that are not a `ClusterGroup`. */
export function wireOf(cluster: Cluster<never>): GroupWire {
  return cluster.addition(wireOfContext);
}

function wireOfContext({ wire }: GroupContext): GroupWire {
  return wire;
}
