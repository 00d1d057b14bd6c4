import type { Channel, GroupOutcome } from '@headrace/core';
import type { AnyEvents, EventArgs, EventName } from './event-map.ts';
import type { ClientAction, SocketIoClient } from './namespace-nodes.ts';
import type { Rooms } from './rooms.ts';
import { type ChosenClients, SocketIoEvent } from './socket-io-event.ts';

interface Choice extends ChosenClients {
  readonly isVolatile: boolean;
  readonly isLocal: boolean;
}

const ALL: Choice = { rooms: [], except: [], isVolatile: false, isLocal: false };
/** Time in which the nodes of a cluster list their clients, in milliseconds. */
const FETCH_MS = 5000;

/**
 * Some clients of a namespace, chosen by rooms. Each method that chooses returns a new object. The id of a client is the name of a room
 * that contains only this client. The clients are those of this process, and with the option `nodes` of the namespace those of all
 * nodes. `size` and the iteration are about this process.
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

  /** The same clients, but only those of this process. */
  get local(): SocketIoBroadcast<Out> {
    return this.with({ isLocal: true });
  }

  /**
   * Returns the chosen clients of all nodes.
   *
   * @param timeoutMs - maximum time until all nodes have answered, in milliseconds. @default 5000
   * @throws TimedOutError `TIMEOUT_REQUEST` if a node does not answer in time
   * @throws EncodeError `MESSAGE_TOO_LONG` if the clients of a node do not fit into a message of the bus. Choose fewer by rooms.
   * @throws ChannelError `BUS_DOWN`; `REQUEST_LOST` if a node cannot describe its clients
   */
  fetchSockets(timeoutMs: number = FETCH_MS): Promise<readonly SocketIoClient[]> {
    return this.all.fetch(this.chosen, this.choice.isLocal, timeoutMs);
  }

  /**
   * Sends an event to the chosen clients. It is encoded once.
   *
   * @returns the outcome of the writes to clients of this process, which may be ignored
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE` if the bus of the nodes cannot carry the event; then no client
   *   receives it
   */
  emit<Name extends EventName<Out>>(name: Name, ...args: EventArgs<Out, Name>): GroupOutcome {
    const { isVolatile, isLocal } = this.choice;
    const event = new SocketIoEvent(name, args, { volatile: isVolatile });
    return this.all.send(event, this.chosen, isLocal);
  }

  /** Adds the chosen clients to rooms. */
  socketsJoin(...rooms: readonly string[]): void {
    this.act({ name: 'join', rooms });
  }

  /** Removes the chosen clients from rooms. */
  socketsLeave(...rooms: readonly string[]): void {
    this.act({ name: 'leave', rooms });
  }

  /** Ends the namespace for the chosen clients. @param close - whether their connections end, too. @default false */
  disconnectSockets(close: boolean = false): void {
    this.act({ name: 'disconnect', close });
  }

  /** Number of chosen clients in this process. */
  get size(): number {
    return this.all.membersOf(this.choice).size;
  }

  /** Iterates over a snapshot of the channels of the chosen clients in this process. */
  [Symbol.iterator](): Iterator<Channel> {
    return this.all.membersOf(this.choice).values();
  }

  private get chosen(): ChosenClients {
    const { rooms, except } = this.choice;
    return { rooms, except };
  }

  private act(action: ClientAction): void {
    this.all.act(this.chosen, action, this.choice.isLocal);
  }

  private with(change: Partial<Choice>): SocketIoBroadcast<Out> {
    return new SocketIoBroadcast(this.all, { ...this.choice, ...change });
  }
}
