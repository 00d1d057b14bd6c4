import type { Channel, ChannelGroup, Group } from '@headrace/core';
import type { Sessions } from '@headrace/handlers';
import { token } from '@headrace/inject';
import type { Member } from 'headrace-example-broadcast-chat';
import type { Announcement } from './announcement.ts';
import type { RoomHistory } from './said.ts';

/** Notified of joins and leaves, whichever process has the connection. */
export interface PresenceListener {
  /** @param own - the id's connection in this process, if it has one: it gets no announcement about itself. */
  joined(id: string, own: Channel | undefined): void;
  left(id: string, own: Channel | undefined): void;
}

/** The base of a room: groups and sessions of this process, or those of a cluster. */
export interface RoomGround {
  /** A connection that signs in is added. */
  readonly members: Group<string>;
  /** Messages of members are written to this group. */
  readonly talk: Group<string>;
  /** The members of this process. */
  readonly local: ChannelGroup<string | Announcement>;
  readonly sessions: Sessions<Member>;
  readonly history: RoomHistory;
  watch(listener: PresenceListener): void;
}

export const ROOM_GROUND = token<RoomGround>('roomGround');
