import type { Cluster, ClusterGroup } from '@headrace/cluster';
import { DeliveredGroup, type GroupNode, groupsOf } from '@headrace/cluster/authoring';
import { OptionError } from '@headrace/core';
import { type DurableGroupOptions, durablePlan } from './durable-options.ts';
import type { DurableOutcome } from './durable-outcome.ts';
import type { GroupHistory } from './group-history.ts';
import { LogDelivery } from './log-delivery.ts';

/**
 * A group whose messages are stored in the log of the bus. The members of all nodes receive the messages from the log, in the
 * same order and each message once. {@link durableGroup} makes the group.
 *
 * A message whose matcher selects no member of another node, for example `ChannelMatchers.is`, is not stored. The selected
 * members receive such a message at once. Any other matcher applies to the members of this node.
 */
export class DurableGroup<Message = unknown> extends DeliveredGroup<Message, DurableOutcome> {
  /** The stored messages. The history also adds members that were away. */
  readonly history: GroupHistory<Message>;

  /** @internal @throws OptionError */
  constructor(name: string, node: GroupNode, options: DurableGroupOptions<Message>) {
    const plan = durablePlan(name, options);
    let history!: GroupHistory<Message>;
    super(name, node, plan, (group) => {
      const delivery = new LogDelivery(node.wire, group, plan);
      history = delivery.history;
      return delivery;
    });
    this.history = history;
  }
}

/**
 * Returns the durable group of this name. The first call makes the group. Later calls return the same group, and must not pass
 * other options. `cluster.group(name)` returns the same group, too.
 *
 * @throws OptionError `OPTION_INVALID` for a wrong option or name; `OPTION_CONFLICT` for options that differ from those
 *   of the first call, for a name that has a group without a log, and for a bus without a log
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 * import { durableGroup } from '@headrace/durable';
 *
 * const cluster = await Cluster.join({ app: 'chat' });
 * const room = durableGroup<string>(cluster, 'lobby');
 * const outcome = room.write('kept for an hour', { id: 'ann-1' });
 * await outcome;
 * console.log(outcome.position?.offset);
 * await room.write('and this');
 * const since = await room.history.since(outcome.position!);
 * console.log(since.recovered && since.entries.map(({ message }) => message));
 * await cluster.leave();
 * // prints 1
 * // prints [ 'and this' ]
 * ```
 */
export function durableGroup<Message = unknown>(
  cluster: Cluster<never>,
  name: string,
  options: DurableGroupOptions<Message> = {},
): DurableGroup<Message> {
  const groups = groupsOf(cluster);
  const group: ClusterGroup<Message> = groups.of<Message>(
    name,
    (node) => new DurableGroup(name, node, options),
  );
  if (!(group instanceof DurableGroup)) {
    const text = `the group ${name} exists already, and is not durable`;
    throw new OptionError('OPTION_CONFLICT', text, { option: 'name' });
  }
  groups.checkSameOptions(group, options);
  return group;
}
