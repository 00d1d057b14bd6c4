import type { Channel, GroupOutcome } from '@headrace/core';
import type { AnyEvents, EventArgs, EventName } from './event-map.ts';
import type { Rooms } from './rooms.ts';
import { SocketIoEvent } from './socket-io-event.ts';

interface Choice {
  readonly rooms: readonly string[];
  readonly except: readonly string[];
  readonly isVolatile: boolean;
}

const ALL: Choice = { rooms: [], except: [], isVolatile: false };

/**
 * Some clients of a namespace in this process, chosen by rooms. Each method that chooses returns a new object. The id of a client is
 * the name of a room that contains only this client.
 *
 * @typeParam Out - the events that the server sends
 */
export class SocketIoBroadcast<Out = AnyEvents> implements Iterable<Channel> {
  private readonly all: Rooms;
  private readonly choice: Choice;

  /** @internal */
  constructor(all: Rooms, choice: Choice = ALL) {
    this.all = all;
    this.choice = choice;
  }

  /** Chooses the clients that are in one of these rooms, or in one of those before. */
  to(...rooms: readonly string[]): SocketIoBroadcast<Out> {
    return this.with({ rooms: [...this.choice.rooms, ...rooms] });
  }

  /** Does the same as {@link to}. */
  in(...rooms: readonly string[]): SocketIoBroadcast<Out> {
    return this.to(...rooms);
  }

  /** Leaves out the clients that are in one of these rooms. */
  except(...rooms: readonly string[]): SocketIoBroadcast<Out> {
    return this.with({ except: [...this.choice.except, ...rooms] });
  }

  /** The same clients, but those that cannot receive an event at once do not get it. */
  get volatile(): SocketIoBroadcast<Out> {
    return this.with({ isVolatile: true });
  }

  /**
   * Sends an event to the chosen clients. It is encoded once.
   *
   * @returns the outcome of the writes, which may be ignored
   */
  emit<Name extends EventName<Out>>(name: Name, ...args: EventArgs<Out, Name>): GroupOutcome {
    const { rooms, except, isVolatile } = this.choice;
    const event = new SocketIoEvent(name, args, { volatile: isVolatile });
    return this.all.send(event, rooms, except);
  }

  /** Adds the chosen clients to rooms. */
  socketsJoin(...rooms: readonly string[]): void {
    for (const channel of this) for (const room of rooms) this.all.join(channel, room);
  }

  /** Removes the chosen clients from rooms. */
  socketsLeave(...rooms: readonly string[]): void {
    for (const channel of this) for (const room of rooms) this.all.leave(channel, room);
  }

  /** Ends the namespace for the chosen clients. @param close - whether their connections end, too. @default false */
  disconnectSockets(close: boolean = false): void {
    for (const channel of this) disconnect(channel, close);
  }

  /** Number of chosen clients. */
  get size(): number {
    const { rooms, except } = this.choice;
    return this.all.membersOf(rooms, except).size;
  }

  /** Iterates over a snapshot of the channels of the chosen clients. */
  [Symbol.iterator](): Iterator<Channel> {
    const { rooms, except } = this.choice;
    return this.all.membersOf(rooms, except).values();
  }

  private with(change: Partial<Choice>): SocketIoBroadcast<Out> {
    return new SocketIoBroadcast(this.all, { ...this.choice, ...change });
  }
}

/** Ends the namespace of a channel, and its connection if `close` is true. What was written is sent first. */
export function disconnect(channel: Channel, close: boolean): void {
  channel.end().onSettled(() => {
    if (close) channel.parent?.end().onSettled(() => {});
  });
}
