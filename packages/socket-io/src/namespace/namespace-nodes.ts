import type {
  Channel,
  ChannelGroup,
  ChannelMatcher,
  GroupOutcome,
  SlowMemberOptions,
} from '@headrace/core';
import type { ChosenClients, SocketIoEvent } from './socket-io-event.ts';

/** What the process of a client says about it. */
export interface SocketIoClient {
  /** Id of the client, which is also the name of a room that contains only this client. */
  readonly id: string;
  readonly rooms: readonly string[];
  /** What the application keeps for the client. A client of another node has a copy, without what JSON cannot express. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What happens to chosen clients. */
export type ClientAction =
  | { readonly name: 'join' | 'leave'; readonly rooms: readonly string[] }
  | { readonly name: 'disconnect'; readonly close: boolean };

/** An action for clients of other nodes, in the order of the events. */
export class ClientCommand {
  readonly chosen: ChosenClients;
  readonly action: ClientAction;

  constructor(chosen: ChosenClients, action: ClientAction) {
    this.chosen = chosen;
    this.action = action;
  }
}

/** What the nodes of a cluster send to each other. */
export type NodeMessage = SocketIoEvent | ClientCommand;

/** The clients of this process as members of a group. */
export interface Members extends Iterable<Channel> {
  readonly size: number;
  readonly backlog: number;
  add(channel: Channel): boolean;
  writeAndFlush(message: SocketIoEvent, matcher?: ChannelMatcher): GroupOutcome;
}

/** The namespace in this process, as the other nodes use it. */
export interface NamespaceReceiver {
  /** Delivers a message of another node, without a flush. Returns `undefined` if no client can receive it. */
  received(message: NodeMessage, members: ChannelGroup<SocketIoEvent>): GroupOutcome | undefined;
  /** Called when messages of another node were lost. */
  lost(): void;
  clients(chosen: ChosenClients): readonly SocketIoClient[];
}

/** A namespace on all nodes. */
export interface NamespaceNodes {
  /** The clients of this process. A message is also sent to the other nodes if its matcher says so. */
  readonly members: Members;
  send(command: ClientCommand): void;
  /** Returns the clients of all nodes, with those of this process. */
  clients(chosen: ChosenClients, timeoutMs: number): Promise<readonly SocketIoClient[]>;
}

/** The nodes whose processes share a namespace: `clusterNodes` of `@headrace/socket-io/cluster`. */
export interface SocketIoNodes {
  /** Called by a namespace that begins to use the nodes. */
  join(name: string, slow: SlowMemberOptions, receiver: NamespaceReceiver): NamespaceNodes;
}
