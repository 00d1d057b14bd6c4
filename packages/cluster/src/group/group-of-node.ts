import { inspect } from 'node:util';
import {
  type Channel,
  ChannelGroup,
  type ChannelMatcher,
  type CloseReason,
  type GroupOutcome,
  OptionError,
  type SlowMemberOptions,
} from '@headrace/core';
import { SLOW_MEMBER_OPTIONS, WatchedEmitter } from '@headrace/core/authoring';
import { checkChannel } from '../application/check-channel.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { PresenceOptions } from './group-options.ts';
import { memberId } from './member-id.ts';
import { Presence } from './presence.ts';
import type { LeaveReason, Member } from './presence-machine.ts';

/** What every group of a cluster announces. */
export interface MemberEvents {
  /** An id has a member on a node, and had none there. Only with `presence: 'ids'`. */
  memberJoined: [member: Member];
  /** The last member of an id on a node is gone, or the node is. Only with `presence: 'ids'`. */
  memberLeft: [member: Member & { readonly reason: LeaveReason }];
}

/**
 * One node's part of a group over all nodes: its own members, and what it knows of the others'.
 *
 * @typeParam Written - what members are written
 */
export abstract class GroupOfNode<Written, Events extends MemberEvents>
  extends WatchedEmitter<Events>
  implements Iterable<Channel>
{
  /** The same on all nodes. */
  readonly name: string;
  /** The members of this node. */
  readonly local: ChannelGroup<Written>;
  /** @internal */
  protected readonly context: ClusterContext;
  private readonly presence: Presence | undefined;
  /** With `presence: 'ids'` alone: a member that is only counted has no id on the bus. */
  private readonly ids: Map<Channel, string | undefined> | undefined;
  private isFlushDue = false;

  /** @internal */
  constructor(name: string, context: ClusterContext, options: PresenceOptions & SlowMemberOptions) {
    super();
    this.name = name;
    this.local = new ChannelGroup<Written>(name, SLOW_MEMBER_OPTIONS.only(options));
    this.context = context;
    const { presence = 'count', idOf } = options;
    this.ids = presence === 'ids' ? new Map() : undefined;
    this.presence = presence === false ? undefined : this.presenceOf(this.ids !== undefined);
    this.local.on('channelJoined', (channel) => {
      const id = this.ids && memberId(channel, idOf, context.wire.host.logger);
      this.ids?.set(channel, id);
      this.presence?.add(id);
    });
    this.local.on('channelLeft', (channel) => {
      this.presence?.remove(this.ids?.get(channel));
      this.ids?.delete(channel);
    });
    context.wire.onRenamed(() => this.presence?.renamed());
  }

  /** Members on this node. */
  get size(): number {
    return this.local.size;
  }

  /** True if there is no member on this node. */
  get isEmpty(): boolean {
    return this.local.isEmpty;
  }

  /** Members on all nodes, as far as it is known here; those of this node alone without `presence`. */
  get total(): number {
    return this.presence?.total ?? this.size;
  }

  /**
   * The members with an id on all nodes, as far as they are known here; needs `presence: 'ids'`.
   *
   * @throws OptionError `OPTION_CONFLICT` without that option
   */
  who(): IterableIterator<Member> {
    if (this.ids !== undefined) return this.presence!.who();
    throw new OptionError(
      'OPTION_CONFLICT',
      `who() of the group ${this.name} needs the option presence: 'ids'`,
      { option: 'presence' },
    );
  }

  /**
   * A member from now on, until it closes. False if it was one, or has closed.
   *
   * @throws OptionError `OPTION_INVALID` for what is no channel
   */
  add(channel: Channel): boolean {
    checkChannel(channel);
    return this.local.add(channel);
  }

  /** True if it was a member. @param channel - a member of this node, or its id. */
  remove(channel: Channel | string): boolean {
    return this.local.remove(channel);
  }

  /** True for a member of this node. */
  has(channel: Channel): boolean {
    return this.local.has(channel);
  }

  [Symbol.iterator](): Iterator<Channel> {
    return this.local[Symbol.iterator]();
  }

  /** Closes the matching members of this node. */
  close(reason?: CloseReason, matcher?: ChannelMatcher): GroupOutcome {
    return this.local.close(reason, matcher);
  }

  override toString(): string {
    return `${this.constructor.name}(name: ${this.name}, here: ${this.size}, total: ${this.total})`;
  }

  [inspect.custom](): string {
    return this.toString();
  }

  /** @internal The cluster is left: the other nodes get the last changes, and nothing after them. */
  protected leaveMembers(): void {
    this.presence?.flush();
    this.presence?.close();
  }

  /** @internal Flushes the members here, once for all that comes together. */
  protected flushSoon(): void {
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    this.context.wire.host.clock.execute(() => {
      this.isFlushDue = false;
      this.local.flush();
    });
  }

  private presenceOf(hasIds: boolean): Presence {
    const events: WatchedEmitter<MemberEvents> = this as never;
    return new Presence({
      ...this.context,
      group: this.name,
      hasIds,
      joined: (id, node) => events.emit('memberJoined', { id, node }),
      left: (id, node, reason) => events.emit('memberLeft', { id, node, reason }),
    });
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    const { logger } = this.context.wire.host;
    logger.log('error', `a listener of ${this.name}’s ${event} threw`, error);
  }
}
