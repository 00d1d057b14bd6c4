import type {
  Channel,
  ChannelGroup,
  ChannelMatcher,
  Clock,
  GroupOutcome,
  Logger,
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
  | { readonly name: 'disconnect'; readonly close: boolean }
  /** The client has come to another node, whose claim is `owner`. */
  | { readonly name: 'replace'; readonly owner: string };

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

/** A place in the log of a namespace. Offsets can be compared if they have the same epoch. */
export interface LogPlace {
  readonly epoch: string;
  readonly offset: number;
}

/** A message of the log. */
export interface LoggedMessage {
  readonly message: NodeMessage;
  readonly at: LogPlace;
}

/** The records of a store. Of several writers that write after the same revision, one succeeds. */
export interface SessionRecords {
  read(key: string): Promise<{ readonly bytes: Uint8Array; readonly revision: string } | undefined>;
  /** Replaces a record, and resolves with its revision; with `undefined` if the present one is not `after`. */
  write(key: string, bytes: Uint8Array, after: string | undefined): Promise<string | undefined>;
  remove(key: string, after: string): Promise<void>;
}

/** The log of a namespace, which gives its events one order on all nodes, and keeps the sessions of clients. */
export interface NamespaceLog {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly records: SessionRecords;
  /** Time that a record is kept after it was written, in milliseconds. */
  readonly recordMs: number;
  /** Whether a message of this node is not delivered on this node yet. */
  readonly isWaiting: boolean;
  /** Calls the listener when the messages of this node so far were delivered on this node, or have failed. */
  onceDelivered(listener: () => void): void;
  /**
   * Waits for the store, which may be away. Rejects if it takes too long.
   *
   * @param late - called with a result that comes after that
   */
  limited<T>(work: () => Promise<T>, late?: (result: T) => void): Promise<T>;
  /** Resolves when this node has delivered what was stored before the call. It may never settle. */
  caughtUp(): Promise<void>;
  /** Reads messages after a place; `undefined` if the log does not reach back to it. */
  since(place: LogPlace): Promise<LogPart | undefined>;
  /** Tells the other nodes that a client has come here. */
  claimed(id: string, owner: string): void;
  /** Sets what the node waits for before it leaves the cluster. */
  whenLeaving(work: () => Promise<void>): void;
}

/** A part of a log. */
export interface LogPart {
  readonly messages: readonly LoggedMessage[];
  /** Offset up to which the part goes. */
  readonly to: number;
  readonly isComplete: boolean;
}

/** The namespace in this process, as the other nodes use it. */
export interface NamespaceReceiver {
  /**
   * Delivers a message of another node, and with a log of all nodes, without a flush. Returns `undefined` if no client can receive it.
   *
   * @param at - place of the message in the log
   */
  received(
    message: NodeMessage,
    members: ChannelGroup<SocketIoEvent>,
    at?: LogPlace,
  ): GroupOutcome | undefined;
  /** Called when the place of this node in the log has changed without a message. */
  moved(at: LogPlace): void;
  /** Called when messages of another node were lost. */
  lost(): void;
  clients(chosen: ChosenClients): readonly SocketIoClient[];
}

/** A namespace on all nodes. */
export interface NamespaceNodes {
  /** The log through which events go; `undefined` if nodes send them to each other. */
  readonly log?: NamespaceLog;
  /** The clients of this process. A message is also sent to the other nodes if its matcher says so. */
  readonly members: Members;
  send(command: ClientCommand): GroupOutcome;
  /** Returns the clients of all nodes, with those of this process. */
  clients(chosen: ChosenClients, timeoutMs: number): Promise<readonly SocketIoClient[]>;
}

/** What nodes need to know of a namespace. */
export interface NamespaceTerms {
  readonly slow: SlowMemberOptions;
  /** Maximum time until a client comes again, in milliseconds; `undefined` without the option `recovery`. */
  readonly maxDisconnectionMs: number | undefined;
}

/**
 * The nodes whose processes share a namespace: `clusterNodes` of `@headrace/socket-io/cluster`, or `durableNodes` of
 * `@headrace/socket-io/durable`.
 */
export interface SocketIoNodes {
  /** Called by a namespace that begins to use the nodes. @throws OptionError if the nodes cannot serve the namespace */
  join(name: string, terms: NamespaceTerms, receiver: NamespaceReceiver): NamespaceNodes;
}
