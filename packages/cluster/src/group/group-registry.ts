import type { Channel, Clock } from '@headrace/core';
import type { ClusterGroup, GroupHome } from './cluster-group.ts';

/** The groups of this node by name. A group that lives with its members is freed at the end of a turn of the event loop. */
export class GroupRegistry implements GroupHome {
  private readonly clock: Clock;
  private readonly groups = new Map<string, ClusterGroup<never>>();
  /** Groups that nothing may need any more. */
  private readonly idle = new Set<ClusterGroup<never>>();
  private isLeft = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.groups.size;
  }

  all(): Iterable<ClusterGroup<never>> {
    return this.groups.values();
  }

  current(name: string): ClusterGroup<never> | undefined {
    return this.groups.get(name);
  }

  /** Returns the names of the groups that a channel is a member of. */
  with(channel: Channel): string[] {
    return [...this.groups.values()].filter((group) => group.has(channel)).map(({ name }) => name);
  }

  add(group: ClusterGroup<never>): void {
    this.groups.set(group.name, group);
    // A group that is made after `leave` serves the members of this node, like the older groups.
    if (this.isLeft) group.leave();
  }

  revived(group: ClusterGroup<never>): void {
    this.add(group);
  }

  /** Waits for the end of the turn, because a member that is added in the same turn keeps the group. */
  look(group: ClusterGroup<never>): void {
    if (this.idle.size === 0) this.clock.nextTurn(this.free);
    this.idle.add(group);
  }

  leave(): void {
    this.isLeft = true;
    for (const group of this.groups.values()) group.leave();
  }

  private readonly free = (): void => {
    const groups = [...this.idle];
    this.idle.clear();
    for (const group of groups) if (group.freeIfIdle()) this.groups.delete(group.name);
  };
}
