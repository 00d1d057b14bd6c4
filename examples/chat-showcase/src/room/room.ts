import type { Channel, ChannelGroup, Group } from '@headrace/core';
import { Announcer, type Sessions } from '@headrace/handlers';
import { inject, injectable } from '@headrace/inject';
import type { Member } from 'headrace-example-broadcast-chat';
import { Announcement } from './announcement.ts';
import { type PresenceListener, ROOM_GROUND, type RoomGround } from './room-ground.ts';
import type { RoomHistory } from './said.ts';

/** Counts of the room. */
export interface RoomFigures {
  readonly members: number;
  /** Messages times their receivers. */
  readonly deliveries: number;
  /** Broadcasts that wait for their turn. */
  readonly backlog: number;
  /** Members closed because they did not read. */
  readonly slowClosed: number;
}

/**
 * The members and the last messages. Announces joins and leaves to the members of this process: in a room of many
 * processes each process announces them to its own.
 */
@injectable()
export class Room implements PresenceListener {
  readonly members: Group<string>;
  readonly talk: Group<string>;
  readonly local: ChannelGroup<string | Announcement>;
  readonly sessions: Sessions<Member>;
  readonly history: RoomHistory;
  /** How many connections an id has; the one that came last is the last one. */
  private readonly present = new Map<string, number>();
  private readonly presence: Announcer<string, Announcement>;
  private deliveries = 0;
  private slowClosed = 0;

  constructor(@inject(ROOM_GROUND) ground: RoomGround) {
    this.members = ground.members;
    this.talk = ground.talk;
    this.local = ground.local;
    this.sessions = ground.sessions;
    this.history = ground.history;
    this.presence = new Announcer<string, Announcement>(this.local, {
      combine: (texts) => new Announcement(texts),
    });
    ground.watch(this);
    this.local.on('channelLeft', (channel) => {
      if (channel.closeInfo?.reason === 'slow-consumer') this.slowClosed += 1;
    });
  }

  /** The ids of all members, in the order in which they joined; a snapshot. */
  people(): string[] {
    return [...this.present.keys()];
  }

  /**
   * A newer connection takes the place of an older one with its id. On two nodes they are here both for a moment, or
   * neither is: the others hear the same as if it were one node.
   */
  joined(id: string, own: Channel | undefined): void {
    const connections = this.present.get(id);
    if (connections !== undefined) {
      this.present.delete(id);
      this.presence.announce(`LEAVE:${id}`, own);
    }
    this.present.set(id, (connections ?? 0) + 1);
    this.presence.announce(`JOIN:${id}`, own);
  }

  left(id: string, own: Channel | undefined): void {
    const connections = this.present.get(id);
    if (connections === undefined) return;
    if (connections > 1) {
      this.present.set(id, connections - 1);
      return;
    }
    this.present.delete(id);
    this.presence.announce(`LEAVE:${id}`, own);
  }

  /** A member is about to say something: the others hear first that it has come. */
  introduce(member: Channel): void {
    this.presence.catchUp(member);
  }

  /** A member says something to the others. */
  said(id: string, text: string): void {
    this.history.add({ id, text, at: Date.now() });
    this.deliveries += this.present.size - 1;
  }

  figures(): RoomFigures {
    const { deliveries, slowClosed, talk, present } = this;
    return { members: present.size, deliveries, backlog: talk.backlog, slowClosed };
  }

  /** All members leave now: no leave is announced any more. */
  close(): void {
    this.presence.close();
  }
}
