import type { Channel, ChannelGroup, Group } from '@headrace/core';
import type { Sessions } from '@headrace/handlers';
import { token } from '@headrace/inject';
import type { Announcement } from './announcement.ts';
import type { Member } from './member.ts';
import type { RoomHistory } from './said.ts';

/** Notified of who comes and goes, whichever process has the connection. */
export interface PresenceListener {
  /** @param own - the id's connection in this process, if it has one: it is not told of itself. */
  joined(id: string, own: Channel | undefined): void;
  left(id: string, own: Channel | undefined): void;
}

/** What a room stands on: groups and sessions of this process, or those of a cluster. */
export interface RoomGround {
  /** Whoever signs in is added. */
  readonly members: Group<string>;
  /** What members say goes here. */
  readonly talk: Group<string>;
  /** The members of this process. */
  readonly local: ChannelGroup<string | Announcement>;
  readonly sessions: Sessions<Member>;
  readonly history: RoomHistory;
  watch(listener: PresenceListener): void;
}

export const ROOM_GROUND = token<RoomGround>('roomGround');
