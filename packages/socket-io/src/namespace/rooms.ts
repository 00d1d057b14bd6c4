import {
  type Channel,
  ChannelGroup,
  type ChannelMatcher,
  type GroupOutcome,
  type WriteFuture,
} from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import {
  type ClientAction,
  ClientCommand,
  type LogPlace,
  type Members,
  type NamespaceLog,
  type NamespaceNodes,
  type NamespaceReceiver,
  type NamespaceTerms,
  type NodeMessage,
  type SocketIoClient,
  type SocketIoNodes,
} from './namespace-nodes.ts';
import type { Recovery } from './recovery.ts';
import type { ChosenClients, SocketIoEvent } from './socket-io-event.ts';

/** What {@link Rooms} need of their namespace. */
interface RoomsOptions {
  readonly terms: NamespaceTerms;
  readonly recovery: Recovery | undefined;
  readonly nodes: SocketIoNodes | undefined;
  /** Describes a client for other nodes. */
  clientOf(channel: Channel): SocketIoClient;
}

/**
 * The clients of a namespace in this process, and their rooms. All broadcasts of the namespace go through one group, with a matcher for
 * the rooms: so a client gets the events of all its rooms in the order in which they were emitted.
 */
export class Rooms implements NamespaceReceiver {
  private readonly members: Members;
  private readonly others: NamespaceNodes | undefined;
  private readonly log: NamespaceLog | undefined;
  private readonly clientOf: RoomsOptions['clientOf'];
  private readonly recovery: Recovery | undefined;
  private readonly channels = new Map<string, Channel>();
  private readonly rooms = new Map<string, Set<Channel>>();
  private readonly joined = new Map<Channel, Set<string>>();

  /** @throws OptionError if the nodes cannot serve the namespace */
  constructor(name: string, { terms, recovery, nodes, clientOf }: RoomsOptions) {
    this.recovery = recovery;
    this.clientOf = clientOf;
    this.others = nodes?.join(name, terms, this);
    this.log = this.others?.log;
    this.members = this.others?.members ?? new ChannelGroup(`socket.io ${name}`, terms.slow);
    if (this.log !== undefined) recovery!.share(this.log);
  }

  /** Adds a client. Its id is the name of a room of its own. */
  enter(id: string, channel: Channel): void {
    this.channels.set(id, channel);
    this.members.add(channel);
    channel.onClosed(() => {
      if (this.channels.get(id) === channel) this.channels.delete(id);
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

  /** Sends an event to chosen clients, of this process alone or of all nodes. */
  send(event: SocketIoEvent, chosen: ChosenClients, isLocal: boolean): GroupOutcome {
    event.chosen = chosen;
    const isLogged = this.log !== undefined && !isLocal && !event.isVolatile;
    // Its clients are chosen when it comes back from the log.
    if (isLogged) return this.members.writeAndFlush(event);
    if (!event.isVolatile && this.log === undefined) this.recovery?.keep(event);
    return this.members.writeAndFlush(event, this.matcherOf(chosen, isLocal));
  }

  received(
    message: NodeMessage,
    members: ChannelGroup<SocketIoEvent>,
    at?: LogPlace,
  ): GroupOutcome | undefined {
    if (message instanceof ClientCommand) {
      if (at !== undefined) this.recovery?.passed(at);
      this.carryOut(message.chosen, message.action);
      return undefined;
    }
    // An event of a node without the log, in an update from clusterNodes, has no place in it.
    const isBeside = message.isVolatile || (this.log !== undefined && at === undefined);
    if (!isBeside) this.recovery?.keep(message, at);
    return members.write(message, this.matcherOf(message.chosen!, true));
  }

  moved(at: LogPlace): void {
    this.recovery?.passed(at, false);
  }

  lost(): void {
    this.recovery?.lost();
  }

  /** Does something to chosen clients, of this process alone or of all nodes. */
  act(chosen: ChosenClients, action: ClientAction, isLocal: boolean): void {
    const sent = isLocal ? undefined : this.others?.send(new ClientCommand(chosen, action));
    if (sent === undefined || this.log === undefined) {
      this.afterWrites(() => this.carryOut(chosen, action));
      return;
    }
    // It comes back from the log, in the order of the events.
    sent.onSettled((error) => {
      if (error !== undefined) this.carryOut(chosen, action);
    });
  }

  /** Calls the function after the events that this process has sent so far. */
  afterWrites(then: () => void): void {
    if (this.isWaiting) this.log!.onceDelivered(then);
    else then();
  }

  /** Whether an event that this process has sent is on its way through the log. */
  get isWaiting(): boolean {
    return this.log?.isWaiting === true;
  }

  private carryOut(chosen: ChosenClients, action: ClientAction): void {
    const { recovery } = this;
    for (const channel of this.membersOf(chosen)) {
      if (action.name === 'disconnect') disconnect(channel, action.close);
      else if (action.name === 'replace') {
        // The record tells whether the other node still has the session.
        if (recovery?.isReplaced(channel, action.owner) === true) recovery.changed(channel);
      } else for (const room of action.rooms) this[action.name](channel, room);
    }
  }

  clients(chosen: ChosenClients): readonly SocketIoClient[] {
    return [...this.membersOf(chosen)].map((channel) => this.clientOf(channel));
  }

  /** Returns chosen clients, of this process alone or of all nodes. */
  async fetch(
    chosen: ChosenClients,
    isLocal: boolean,
    timeoutMs: number,
  ): Promise<readonly SocketIoClient[]> {
    if (isLocal || this.others === undefined) return this.clients(chosen);
    return await this.others.clients(chosen, timeoutMs);
  }

  /** Sends an event to one client. An event that is kept follows all events before it. */
  sendTo(id: string, channel: Channel, event: SocketIoEvent): WriteFuture {
    const chosen: ChosenClients = { rooms: [id], except: [] };
    event.chosen = chosen;
    if (!channel.isOpen) return channel.writeAndFlush(event);
    if (this.log !== undefined) {
      return SettableFuture.from(this.members.writeAndFlush(event));
    }
    this.recovery?.keep(event);
    const isInTurn = event.kept === undefined || this.members.backlog === 0;
    if (isInTurn) return channel.writeAndFlush(event);
    return SettableFuture.from(this.members.writeAndFlush(event, this.matcherOf(chosen, true)));
  }

  /** Whether the connection of a client has taken all events for it. */
  isDrained(channel: Channel): boolean {
    return channel.pendingOutboundBytes === 0 && this.members.backlog === 0;
  }

  /** Returns a snapshot of the clients in one of the rooms, or of all clients without rooms, except those of other rooms. */
  membersOf({ rooms, except }: ChosenClients): Set<Channel> {
    const from = rooms.length === 0 ? this.members : this.inAny(rooms);
    const chosen = new Set(from);
    for (const channel of this.inAny(except)) chosen.delete(channel);
    return chosen;
  }

  /** Returns a matcher for {@link members}, `undefined` for all. */
  private matcherOf(chosen: ChosenClients, isLocal: boolean): ChannelMatcher | undefined {
    const { rooms, except } = chosen;
    const elsewhere = isLocal ? 'none' : 'all';
    if (rooms.length > 0) {
      return Object.assign(() => true, { elsewhere, only: this.membersOf(chosen) } as const);
    }
    if (except.length === 0 && !isLocal) return undefined;
    const excluded = new Set(this.inAny(except));
    const matcher = (channel: Channel): boolean => !excluded.has(channel);
    return Object.assign(matcher, { elsewhere } as const);
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

/** Ends the namespace of a channel, and its connection if `close` is true. What was written is sent first. */
export function disconnect(channel: Channel, close: boolean): void {
  channel.end().onSettled(() => {
    if (close) channel.parent?.end().onSettled(() => {});
  });
}
