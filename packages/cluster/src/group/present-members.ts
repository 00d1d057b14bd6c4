import type { Channel, ChannelGroup } from '@headrace/core';
import { OptionError } from '@headrace/core';
import type { ClusterContext } from '../node/cluster-context.ts';
import { memberId } from './member-id.ts';
import { Presence } from './presence.ts';
import type { LeaveReason } from './presence-machine.ts';

/** A member on any node. */
export interface Member {
  /** What `idOf` gave. */
  readonly id: string;
  /** The node that has the connection. */
  readonly node: string;
}

/** How a group knows its members. */
export interface PresenceOptions {
  /**
   * What is known of members on other nodes: nothing, how many, or who; the same on all nodes. @default 'count'
   */
  readonly presence?: false | 'count' | 'ids';
  /**
   * The id of a member, up to 128 characters; asked when it is added, with `presence: 'ids'` alone. `undefined` counts it
   * without an id.
   * @default the principal that an AuthHandler set, if it is a text or has an `id`; else the channel's id
   */
  readonly idOf?: (channel: Channel) => string | undefined;
}

/** Whom {@link PresentMembers} notifies. */
export interface PresenceListener {
  joined(member: Member): void;
  left(member: Member & { readonly reason: LeaveReason }): void;
}

/** The members of a group on all nodes: tells the others of those here. */
export class PresentMembers {
  private readonly local: ChannelGroup<never>;
  private readonly context: ClusterContext;
  private readonly options: PresenceOptions;
  private readonly presence: Presence | undefined;
  /** With `presence: 'ids'` alone: who is only counted has no id on the bus. */
  private readonly ids: Map<Channel, string | undefined> | undefined;

  constructor(
    local: ChannelGroup<never>,
    context: ClusterContext,
    options: PresenceOptions,
    listener: PresenceListener,
  ) {
    const { presence = 'count' } = options;
    this.local = local;
    this.context = context;
    this.options = options;
    this.ids = presence === 'ids' ? new Map() : undefined;
    this.presence =
      presence === false
        ? undefined
        : new Presence({
            ...context,
            group: local.name,
            hasIds: presence === 'ids',
            joined: (id, node) => listener.joined({ id, node }),
            left: (id, node, reason) => listener.left({ id, node, reason }),
          });
    context.wire.onRenamed(() => this.presence?.renamed());
  }

  /** Members on all nodes, as far as it is known here; those of this node alone without `presence`. */
  get total(): number {
    return this.presence?.total ?? this.local.size;
  }

  /** Who is there on all nodes, as far as it is known here; needs `presence: 'ids'`. */
  who(): IterableIterator<Member> {
    if (this.presence === undefined || this.options.presence !== 'ids') {
      throw new OptionError(
        'OPTION_CONFLICT',
        `who() of the group ${this.local.name} needs the option presence: 'ids'`,
        { option: 'presence' },
      );
    }
    return this.presence.who();
  }

  add(channel: Channel): void {
    if (this.presence === undefined) return;
    const id =
      this.ids === undefined
        ? undefined
        : memberId(channel, this.options.idOf, this.context.wire.host.logger);
    this.ids?.set(channel, id);
    this.presence.add(id);
  }

  remove(channel: Channel): void {
    if (this.presence === undefined) return;
    this.presence.remove(this.ids?.get(channel));
    this.ids?.delete(channel);
  }

  /** Tells the others what changed, and then nothing any more. */
  leave(): void {
    this.presence?.flush();
    this.presence?.close();
  }
}
