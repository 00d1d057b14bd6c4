import type { Cluster } from '@headrace/cluster';
import {
  busDelivery,
  type CommandOutcome,
  commandsOf,
  commonPlan,
  DeliveredGroup,
  type GroupNode,
  groupsOf,
} from '@headrace/cluster/authoring';
import {
  type ChannelGroup,
  type ChannelMatcher,
  EncodeError,
  type GroupOutcome,
  OptionError,
  TimedOutError,
} from '@headrace/core';
import { requestLost } from '@headrace/handlers/call';
import type { NodeMessage, SocketIoClient, SocketIoNodes } from '../namespace/namespace-nodes.ts';
import type { ChosenClients, SocketIoEvent } from '../namespace/socket-io-event.ts';
import { NodeMessageCodec } from './node-message-codec.ts';

/** Chooses no client of this process, and those of all others. */
const ELSEWHERE: ChannelMatcher = Object.assign(() => false, {
  elsewhere: 'all',
  only: new Set<never>(),
} as const);

/**
 * Returns the nodes of a cluster for the option `nodes` of a `SocketIoNamespace`. Each node makes the namespace once. Rooms are then
 * those of all nodes: broadcasts, `socketsJoin`, `socketsLeave`, `disconnectSockets` and `fetchSockets` are for the clients of all.
 *
 * A namespace is one group of the cluster, so the events and actions of a node arrive in their order, whatever their rooms. They arrive
 * at most once: a node that the bus did not reach misses them.
 *
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 * import { SocketIoNamespace } from '@headrace/socket-io';
 * import { clusterNodes } from '@headrace/socket-io/cluster';
 *
 * const cluster = await Cluster.join({ app: 'chat' });
 * const main = new SocketIoNamespace('/', { nodes: clusterNodes(cluster) });
 * main.to('lobby').emit('said', 'to the clients in the lobby, on all nodes');
 * console.log(main.size);
 * await cluster.leave();
 * // prints 0
 * ```
 */
export function clusterNodes(cluster: Cluster<never>): SocketIoNodes {
  return {
    join(name, { slow }, receiver) {
      const group = groupOf(cluster, name, (groupName, node) => {
        const plan = commonPlan<NodeMessage>(slow);
        return new DeliveredGroup(groupName, node, plan, (one) =>
          busDelivery<NodeMessage>(node, one, {
            codec: new NodeMessageCodec(name),
            listensAlways: true,
            receive: (message, members) => receiver.received(message, eventsOf(members)),
          }),
        );
      });
      group.on('gap', () => receiver.lost());
      const commands = commandsOf(cluster, `socket.io ${name}`);
      commands.serve((command) => receiver.clients(command as unknown as ChosenClients));
      return {
        members: group,
        send: (command) => group.writeAndFlush(command, ELSEWHERE),
        clients: async ({ rooms, except }, timeoutMs) =>
          clientsOf(await commands.send(undefined, { rooms, except }, timeoutMs), timeoutMs),
      };
    },
  };
}

/** The group of a namespace on this node. */
export type NamespaceGroup = InstanceType<typeof DeliveredGroup<NodeMessage, GroupOutcome>>;

/** Makes the group of a namespace. @throws OptionError if the node has it already */
export function groupOf(
  cluster: Cluster<never>,
  name: string,
  make: (groupName: string, node: GroupNode) => NamespaceGroup,
): NamespaceGroup {
  let made: NamespaceGroup | undefined;
  const groupName = `socket.io ${name}`;
  groupsOf(cluster).of<NodeMessage>(groupName, (node) => {
    made = make(groupName, node);
    return made as never;
  });
  if (made !== undefined) return made;
  const text = `this node of the cluster has a namespace ${name} already: make it once, and use it in each SocketIo`;
  throw new OptionError('OPTION_CONFLICT', text, { option: 'nodes' });
}

/** Only events are written to members. */
export function eventsOf(members: ChannelGroup<NodeMessage>): ChannelGroup<SocketIoEvent> {
  return members as unknown as ChannelGroup<SocketIoEvent>;
}

function clientsOf(outcome: CommandOutcome, timeoutMs: number): readonly SocketIoClient[] {
  const { answers, missing, isUncertain } = outcome;
  const clients: SocketIoClient[] = [];
  for (const [node, { value, failure }] of answers) {
    if (failure !== undefined) throw failed(node, failure);
    for (const client of value as readonly SocketIoClient[]) clients.push(client);
  }
  if (missing.length === 0 && !isUncertain) return clients;
  const text = `${missing.length} nodes did not list their clients within ${timeoutMs} ms, or the bus went down`;
  throw new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs });
}

function failed(node: string, failure: { readonly isTooLong: boolean; readonly text: string }) {
  const text = `node ${node} could not list its clients: ${failure.text}`;
  if (!failure.isTooLong) return requestLost(text, true);
  return new EncodeError('MESSAGE_TOO_LONG', `${text}; choose fewer clients by rooms`);
}
