import type { EncodedPacket } from '../packet/socket-packet.ts';

/** Answers an event. Only the first call has an effect. */
export type Acknowledge = (...args: unknown[]) => void;

/** Clients of a namespace: those in one of the rooms, or all without rooms, except those in other rooms. */
export interface ChosenClients {
  readonly rooms: readonly string[];
  readonly except: readonly string[];
}

/** An event of a namespace: what a client sent, or what is sent to it. */
export class SocketIoEvent {
  readonly name: string;
  /** Arguments without the function for the answer. */
  readonly args: readonly unknown[];
  /** Answers the event; `undefined` if the client expects no answer, and for an event of this end. */
  readonly acknowledge: Acknowledge | undefined;
  /** Whether a client that cannot receive the event at once does not get it. */
  readonly isVolatile: boolean;
  /** @internal The packet of an event that is kept for clients that lose their connections. */
  kept: EncodedPacket | undefined = undefined;
  /** @internal The clients that a broadcast is for, on all nodes. */
  chosen: ChosenClients | undefined = undefined;

  constructor(
    name: string,
    args: readonly unknown[] = [],
    options: { readonly acknowledge?: Acknowledge | undefined; readonly volatile?: boolean } = {},
  ) {
    this.name = name;
    this.args = args;
    this.acknowledge = options.acknowledge;
    this.isVolatile = options.volatile ?? false;
  }
}

/** @internal An event that the client must answer. */
export class EventCall extends SocketIoEvent {
  readonly id: number;

  constructor({ name, args }: SocketIoEvent, id: number) {
    super(name, args);
    this.id = id;
  }
}

/** @internal The answer to an event of the client. */
export class EventAnswer {
  readonly id: number;
  readonly args: readonly unknown[];

  constructor(id: number, args: readonly unknown[]) {
    this.id = id;
    this.args = args;
  }
}
