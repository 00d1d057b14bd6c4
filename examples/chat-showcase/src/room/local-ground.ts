import { ChannelGroup } from '@headrace/core';
import { SessionRegistry } from '@headrace/handlers';
import { clientIdKey, idOf, type Member } from 'headrace-example-broadcast-chat';
import type { Settings } from '../settings/settings.ts';
import type { Announcement } from './announcement.ts';
import { History } from './history.ts';
import type { PresenceListener, RoomGround } from './room-ground.ts';

/** A room of this process alone. */
export class LocalGround implements RoomGround {
  readonly members: ChannelGroup<string | Announcement>;
  readonly sessions = new SessionRegistry<Member>(({ id }) => clientIdKey(id));
  readonly history = new History();

  constructor({ maxOutboundBytes }: Pick<Settings, 'maxOutboundBytes'>) {
    this.members = new ChannelGroup('members', { maxMemberBytes: maxOutboundBytes });
  }

  get talk(): ChannelGroup<string | Announcement> {
    return this.members;
  }

  get local(): ChannelGroup<string | Announcement> {
    return this.members;
  }

  watch(listener: PresenceListener): void {
    this.members.on('channelJoined', (channel) => listener.joined(idOf(channel), channel));
    this.members.on('channelLeft', (channel) => listener.left(idOf(channel), channel));
  }
}
