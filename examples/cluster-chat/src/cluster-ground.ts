import type { Cluster, ClusterGroup, ClusterUsers } from '@headrace/cluster';
import type { ChannelGroup } from '@headrace/core';
import { type DurableGroup, durableGroup } from '@headrace/durable';
import { clientIdKey } from 'headrace-example-broadcast-chat';
import {
  idOf,
  type Member,
  type PresenceListener,
  type RoomGround,
  type Said,
  type Settings,
} from 'headrace-example-chat-showcase';
import { KeptMessage, SAID_CODEC } from './kept-message.ts';
import { LogHistory } from './log-history.ts';

/**
 * One room over all nodes of a cluster, in three groups. `members` knows all members. A message goes to `talk`, at
 * once, bus or no bus, and to `kept`, which has all messages in one order: for members that have turned positions on, and
 * left `talk`, and for the history.
 */
export class ClusterGround implements RoomGround {
  readonly members: ClusterGroup<string>;
  readonly talk: ClusterGroup<string>;
  readonly kept: DurableGroup<Said>;
  readonly sessions: ClusterUsers<Member>;
  readonly history: LogHistory;

  constructor(cluster: Cluster<Member>, { maxOutboundBytes }: Pick<Settings, 'maxOutboundBytes'>) {
    const limit = { maxMemberBytes: maxOutboundBytes };
    this.members = cluster.group<string>('members', {
      ...limit,
      presence: 'ids',
      idOf,
    });
    this.talk = cluster.group<string>('talk', {
      ...limit,
      presence: false,
      // A new member gets messages of the same moment.
      listens: 'always',
    });
    this.kept = durableGroup<Said>(cluster, 'kept', {
      ...limit,
      presence: false,
      codec: SAID_CODEC,
      format: (said, position) => new KeptMessage(said, position),
    });
    this.sessions = cluster.users;
    this.history = new LogHistory(this.kept);
    this.local.on('channelJoined', (channel) => this.talk.add(channel));
    this.local.on('channelLeft', (channel) => {
      this.talk.remove(channel);
      this.kept.remove(channel);
    });
  }

  get local(): ChannelGroup<string> {
    return this.members.local;
  }

  watch(listener: PresenceListener): void {
    const own = (id: string) => this.sessions.channels(clientIdKey(id)).at(-1);
    this.members.on('memberJoined', ({ id }) => listener.joined(id, own(id)));
    this.members.on('memberLeft', ({ id }) => listener.left(id, own(id)));
  }
}
