// The room: who is in it, and what is said.
import { type Channel, ChannelGroup, type Group } from '@headrace/core';
import { Announcer, BroadcastHandler, SessionRegistry, type Sessions } from '@headrace/handlers';
import { clientIdKey, idOf, type Member, messageOf } from 'headrace-example-broadcast-chat';
import { History, type RoomHistory } from './history.ts';

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
  readonly local: ChannelGroup<string>;
  readonly sessions: Sessions<Member>;
  readonly history: RoomHistory;
  watch(listener: PresenceListener): void;
}

/** A room of this process alone. */
export class LocalGround implements RoomGround {
  readonly members: ChannelGroup<string>;
  readonly talk: ChannelGroup<string>;
  readonly local: ChannelGroup<string>;
  readonly sessions = new SessionRegistry<Member>(({ id }) => clientIdKey(id));
  readonly history = new History();

  constructor(maxMemberBytes: number) {
    this.members = new ChannelGroup('members', { maxMemberBytes });
    this.talk = this.members;
    this.local = this.members;
  }

  watch(listener: PresenceListener): void {
    this.members.on('channelJoined', (channel) => listener.joined(idOf(channel), channel));
    this.members.on('channelLeft', (channel) => listener.left(idOf(channel), channel));
  }
}

/**
 * The members and the last messages. Announces joins and leaves to the members of this process: in a room of many
 * processes each process announces them to its own. When thousands join at once, announcements are sent together.
 */
export class Room implements PresenceListener {
  readonly members: Group<string>;
  readonly talk: Group<string>;
  readonly local: ChannelGroup<string>;
  readonly sessions: Sessions<Member>;
  readonly history: RoomHistory;
  /** How many connections an id has; the one that came last is the last one. */
  private readonly present = new Map<string, number>();
  private readonly presence: Announcer<string>;

  constructor(ground: RoomGround) {
    this.members = ground.members;
    this.talk = ground.talk;
    this.local = ground.local;
    this.sessions = ground.sessions;
    this.history = ground.history;
    this.presence = new Announcer<string>(this.local);
    ground.watch(this);
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

  figures(): { readonly members: number; readonly backlog: number } {
    return { members: this.present.size, backlog: this.talk.backlog };
  }

  /** All members leave now: no leave is announced any more. */
  close(): void {
    this.presence.close();
  }
}

/** Sends texts to the room, after the announcement that their sender joined, and keeps them. */
export class RoomBroadcastHandler extends BroadcastHandler<string, string> {
  constructor(room: Room) {
    super(room.talk, {
      format: (text, sender) => {
        const id = idOf(sender);
        room.introduce(sender);
        room.history.add({ id, text, at: Date.now() });
        return messageOf(id, text);
      },
      passOn: false,
    });
  }
}
