import {
  type Channel,
  ChannelGroup,
  type ChannelGroupOptions,
  type ChannelMatcher,
  type GroupOutcome,
  type WriteFuture,
} from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import type { Recovery } from './recovery.ts';
import type { SocketIoEvent } from './socket-io-event.ts';

/**
 * The clients of a namespace in this process, and their rooms. All broadcasts of the namespace go through one group, with a matcher for
 * the rooms: so a client gets the events of all its rooms in the order in which they were emitted.
 */
export class Rooms {
  private readonly members: ChannelGroup<SocketIoEvent>;
  private readonly recovery: Recovery | undefined;
  private readonly channels = new Map<string, Channel>();
  private readonly rooms = new Map<string, Set<Channel>>();
  private readonly joined = new Map<Channel, Set<string>>();

  constructor(name: string, options: ChannelGroupOptions, recovery: Recovery | undefined) {
    this.members = new ChannelGroup(name, options);
    this.recovery = recovery;
  }

  /** Adds a client. Its id is the name of a room of its own. */
  enter(id: string, channel: Channel): void {
    this.channels.set(id, channel);
    this.members.add(channel);
    channel.onClosed(() => {
      this.channels.delete(id);
      for (const room of this.roomsOf(channel)) this.leave(channel, room);
    });
  }

  /** Returns the client with this id. */
  find(id: string): Channel | undefined {
    return this.channels.get(id);
  }

  /** Adds a client to a room. A closed channel joins none. */
  join(channel: Channel, room: string): void {
    if (!channel.isOpen) return;
    addTo(this.rooms, room, channel);
    addTo(this.joined, channel, room);
    this.recovery?.joined(channel, room);
  }

  leave(channel: Channel, room: string): void {
    removeFrom(this.rooms, room, channel);
    removeFrom(this.joined, channel, room);
    this.recovery?.left(channel, room);
  }

  /** Returns the rooms of a client, without the room of its own. */
  roomsOf(channel: Channel): string[] {
    return [...(this.joined.get(channel) ?? [])];
  }

  /** Sends an event to the clients in one of the rooms, or to all without rooms, except those of other rooms. */
  send(event: SocketIoEvent, rooms: readonly string[], except: readonly string[]): GroupOutcome {
    if (!event.isVolatile) this.recovery?.keep(event, rooms, except);
    return this.members.writeAndFlush(event, this.matcherOf(rooms, except));
  }

  /** Sends an event to one client. An event that is kept follows all events before it. */
  sendTo(id: string, channel: Channel, event: SocketIoEvent): WriteFuture {
    if (channel.isOpen) this.recovery?.keep(event, [id], []);
    const isInTurn = event.kept === undefined || this.members.backlog === 0;
    if (isInTurn) return channel.writeAndFlush(event);
    return SettableFuture.from(this.members.writeAndFlush(event, this.matcherOf([id], [])));
  }

  /** Returns a snapshot of the clients in one of the rooms, or of all clients without rooms, except those of other rooms. */
  membersOf(rooms: readonly string[], except: readonly string[]): Set<Channel> {
    const from = rooms.length === 0 ? this.members : this.inAny(rooms);
    const chosen = new Set(from);
    for (const channel of this.inAny(except)) chosen.delete(channel);
    return chosen;
  }

  /** Returns a matcher for {@link members}, `undefined` for all. */
  private matcherOf(
    rooms: readonly string[],
    except: readonly string[],
  ): ChannelMatcher | undefined {
    if (rooms.length > 0) {
      return Object.assign(() => true, { only: this.membersOf(rooms, except) });
    }
    if (except.length === 0) return undefined;
    const excluded = new Set(this.inAny(except));
    return (channel) => !excluded.has(channel);
  }

  private *inAny(rooms: readonly string[]): Iterable<Channel> {
    for (const room of rooms) {
      yield* this.rooms.get(room) ?? [];
      const own = this.channels.get(room);
      if (own !== undefined) yield own;
    }
  }
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

function removeFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
