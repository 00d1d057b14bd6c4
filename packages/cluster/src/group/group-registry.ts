import { type Channel, type Clock, OptionError } from '@headrace/core';
import type { ClusterGroup, GroupHome } from './cluster-group.ts';
import { GroupTable } from './group-table.ts';

/** The groups of this node. A group that lives with its members comes to rest at the end of a turn of the event loop. */
export class GroupRegistry implements GroupHome {
  private readonly clock: Clock;
  private readonly table = new GroupTable<ClusterGroup<never>>();
  /** Groups that nothing may need any more. */
  private readonly idle = new Set<ClusterGroup<never>>();
  private isLeft = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The groups in use. */
  get used(): ReadonlyMap<string, ClusterGroup<never>> {
    return this.table.used;
  }

  /** Returns the group of a name, which can be at rest. */
  get(name: string): ClusterGroup<never> | undefined {
    return this.table.get(name);
  }

  /** Returns the names of the groups that a channel is a member of. */
  with(channel: Channel): string[] {
    return [...this.used.values()].filter((group) => group.has(channel)).map(({ name }) => name);
  }

  keep(group: ClusterGroup<never>): void {
    const { name } = group;
    if ((this.used.get(name) ?? group) !== group) {
      const text = `the group ${name} was made again with other options: ask the cluster for the group again`;
      throw new OptionError('OPTION_CONFLICT', text, { option: 'lives' });
    }
    this.table.keep(group, true);
    // A group that is made or used again after `leave` serves the members of this node, like the older groups.
    if (this.isLeft) group.leave();
  }

  rest(group: ClusterGroup<never>): void {
    this.table.keep(group, false);
  }

  /** Waits for the end of the turn, because a member that is added in the same turn keeps the group. */
  look(group: ClusterGroup<never>): void {
    if (this.idle.size === 0) this.clock.nextTurn(this.restIdle);
    this.idle.add(group);
  }

  leave(): void {
    this.isLeft = true;
    for (const group of this.used.values()) group.leave();
  }

  private readonly restIdle = (): void => {
    const groups = [...this.idle];
    this.idle.clear();
    for (const group of groups) group.restIfIdle();
  };
}
