import {
  type Channel,
  type ChannelOptions,
  OptionError,
  type PipelineTemplate,
  type SlowMemberOptions,
} from '@headrace/core';
import {
  builder,
  CHANNEL_OPTIONS,
  type ChannelBuilder,
  checkSchema,
  describeOptions,
  fn,
  nested,
  object,
  present,
  SLOW_MEMBER_OPTIONS,
  type StandardSchema,
  validate,
  whole,
} from '@headrace/core/authoring';
import type { DisconnectReason } from './disconnect-reason.ts';
import type { AnyEvents, EventArgs, EventName, SentArgs } from './event-map.ts';
import type { SocketIoHandshake } from './handshake.ts';
import { ListenersHandler, type NamespaceListeners } from './listeners-handler.ts';
import type { SocketIoClient, SocketIoNodes } from './namespace-nodes.ts';
import { PacketHandler } from './packet-handler.ts';
import { RECOVERY_OPTIONS, Recovery, type SocketIoRecoveryOptions } from './recovery.ts';
import type { RecoverySession } from './recovery-session.ts';
import { Rooms } from './rooms.ts';
import { SocketIoBroadcast } from './socket-io-broadcast.ts';
import type { SocketIoEvent } from './socket-io-event.ts';
import { SOCKET, SocketIoSocket } from './socket-io-socket.ts';

/** The channel of a client in a namespace, whose messages are events. */
export type SocketIoChannel = Channel<SocketIoEvent, SocketIoEvent>;

/** The answer to a client that a namespace does not let in: the client gets a `connect_error`. */
export interface SocketIoRefusal {
  /** Text of the error. */
  readonly message: string;
  /** Further data of the error, as JSON. @default none */
  readonly data?: unknown;
}

/** Lets a client in. Called with the client's channel before its pipeline is built, for example to set the user. */
export type SocketIoAcceptance = (channel: SocketIoChannel) => void;

/** A decision about a client of a namespace. */
export type SocketIoDecision = boolean | SocketIoAcceptance | SocketIoRefusal;

/** Functions for the events of clients, by name. A returned promise that rejects closes the client's channel. */
export type SocketIoListeners<In, Out> = {
  readonly [Name in EventName<In>]?: (
    socket: SocketIoSocket<Out>,
    ...args: EventArgs<In, Name>
  ) => unknown;
};

/** Schemas for the arguments of events, as lists and without the function for the answer, by name. */
export type SocketIoSchemas<In> = {
  readonly [Name in EventName<In>]?: StandardSchema<unknown, SentArgs<In, Name>>;
};

/** Options of the channels of a namespace, which have no halves. */
export interface SocketIoChannelOptions extends Omit<ChannelOptions, 'allowHalfOpen'> {}

/** Options of a {@link SocketIoNamespace}. */
export interface SocketIoNamespaceOptions<In, Out> extends SlowMemberOptions {
  /**
   * Decides about a client before it is in the namespace, by what it sent (`auth`) or by its connection. `false` refuses it with the
   * text `not authorized`. A function lets it in, and is called with its channel. If `authorize` throws or rejects, the client is
   * refused without details, and the error is logged.
   * @default all are accepted
   */
  readonly authorize?: (
    handshake: SocketIoHandshake,
  ) => SocketIoDecision | Promise<SocketIoDecision>;
  /** Adds handlers for the events of each client, before the functions for events: a function, or a template. @default none */
  readonly pipeline?:
    | ((channel: SocketIoChannel, handshake: SocketIoHandshake) => unknown)
    | PipelineTemplate<unknown, unknown, SocketIoEvent, SocketIoEvent>;
  /** Called with each client that has entered the namespace. @default nothing */
  readonly connection?: (socket: SocketIoSocket<Out>) => unknown;
  /** Called with each client that has left, and with the reason. @default nothing */
  readonly disconnected?: (socket: SocketIoSocket<Out>, reason: DisconnectReason) => unknown;
  /** Functions for the events of clients. An event without a function passes the last handler. @default none */
  readonly events?: SocketIoListeners<In, Out>;
  /** Schemas for the arguments of events. An event that does not fit closes the client's channel. @default none */
  readonly schemas?: SocketIoSchemas<In>;
  /** Maximum time until a client answers an event, in milliseconds. @default 10000 */
  readonly ackTimeoutMs?: number;
  /** Maximum number of events of one client whose answers are missing, and of further ones that wait. @default 1024 */
  readonly maxUnanswered?: number;
  /**
   * Keeps the id, the rooms, the `data` and the events of a client that loses its connection (`connectionStateRecovery`), in the memory
   * of this process, or with `durableNodes` for all nodes. `{}` takes the defaults. Each event then has one argument more: its offset.
   * `authorize` is called for each connection. @default a client that comes again is a new one
   */
  readonly recovery?: SocketIoRecoveryOptions;
  /**
   * The nodes of a cluster that share the namespace: `clusterNodes` of `@headrace/socket-io/cluster`, or `durableNodes` of
   * `@headrace/socket-io/durable`. Rooms are then those of all nodes.
   * @default rooms of this process
   */
  readonly nodes?: SocketIoNodes;
  /** Options of the channels of clients. By default, a channel has the logger and the clock of its connection. */
  readonly channelOptions?: SocketIoChannelOptions;
}

const NAMESPACE_CHANNEL_OPTIONS = CHANNEL_OPTIONS.without({
  allowHalfOpen: 'a namespace ends both halves at once',
});

const OPTIONS = describeOptions(
  'SocketIoNamespace',
  {
    authorize: fn({ answers: 'async', purpose: 'decides about a client' }),
    pipeline: builder('a client of a namespace'),
    connection: fn({ answers: 'async', purpose: 'receives a client' }),
    disconnected: fn({ answers: 'async', purpose: 'hears that a client has left' }),
    events: object('an object with a function for each event', { default: {} }),
    schemas: object('an object with a schema for each event', { default: {} }),
    ackTimeoutMs: whole({ min: 1, default: 10_000 }),
    maxUnanswered: whole({ min: 1, default: 1024 }),
    recovery: nested(RECOVERY_OPTIONS),
    nodes: object('what clusterNodes or durableNodes returns'),
    channelOptions: nested(NAMESPACE_CHANNEL_OPTIONS, { default: {} }),
  },
  SLOW_MEMBER_OPTIONS,
);

/**
 * A namespace of a `SocketIo`: its clients in this process, their rooms, and the functions for their events. Each client is a channel,
 * whose messages are {@link SocketIoEvent}s, so handlers for idle detection, sign-in, limits and metrics work as elsewhere.
 *
 * ```text
 *  connection ─ SocketIo ─┬─ /       | SocketIoNamespace's own | yours | functions for events
 *                         └─ /admin  | SocketIoNamespace's own | yours | functions for events
 * ```
 *
 * @typeParam In - the events of clients: a map of names to functions, whose last parameter can be a function for the answer
 * @typeParam Out - the events of the server
 */
export class SocketIoNamespace<In = AnyEvents, Out = AnyEvents> extends SocketIoBroadcast<Out> {
  readonly name: string;
  /** @internal */
  readonly authorize: SocketIoNamespaceOptions<In, Out>['authorize'];
  /** @internal Options of the channels. */
  readonly channelOptions: ChannelOptions;
  /** @internal */
  readonly recovery: Recovery | undefined;
  private readonly rooms: Rooms;
  private readonly limits: { readonly ackTimeoutMs: number; readonly maxUnanswered: number };
  private readonly build: ChannelBuilder | undefined;
  private readonly packets: PacketHandler;
  private readonly listeners: ListenersHandler;

  /**
   * @param name - name of the namespace, `/` for the main one
   * @throws OptionError if an option is not valid
   */
  constructor(name: string, options: SocketIoNamespaceOptions<In, Out> = {}) {
    if (typeof name !== 'string' || !name.startsWith('/') || name.includes(',')) {
      const text = `the name of a namespace begins with a slash and has no comma, but got ${String(name)}`;
      throw new OptionError('OPTION_INVALID', text, { option: 'name' });
    }
    const settings = OPTIONS.resolve(options);
    const recovery =
      options.recovery && new Recovery(name, RECOVERY_OPTIONS.part(options.recovery));
    const slow = present(SLOW_MEMBER_OPTIONS.part(options)) as SlowMemberOptions;
    const { nodes } = options;
    const terms = { slow, maxDisconnectionMs: recovery?.maxDisconnectionMs };
    const rooms = new Rooms(name, { terms, recovery, nodes, clientOf: clientIn });
    super(rooms);
    this.rooms = rooms;
    this.recovery = recovery;
    this.name = name;
    this.authorize = settings.authorize as SocketIoNamespaceOptions<In, Out>['authorize'];
    // What is not given is that of the connection, and not the default of other channels.
    this.channelOptions = options.channelOptions ?? {};
    this.limits = settings;
    this.build = settings.pipeline;
    this.packets = new PacketHandler(name, recovery !== undefined);
    this.listeners = new ListenersHandler({
      connection: settings.connection as NamespaceListeners['connection'],
      disconnected: settings.disconnected as NamespaceListeners['disconnected'],
      events: functionsOf(settings.events),
      checked: checkOf(settings.schemas as Record<string, StandardSchema | undefined>),
    });
  }

  /** Returns the client of a channel. `undefined` for a channel of another kind. */
  socketOf(channel: Channel): SocketIoSocket<Out> | undefined {
    return channel.attributes.get(SOCKET) as SocketIoSocket<Out> | undefined;
  }

  /** Returns the client with this id; `undefined` if there is none in this process. */
  find(id: string): SocketIoSocket<Out> | undefined {
    const channel = this.rooms.find(id);
    return channel && this.socketOf(channel);
  }

  /** @internal Builds the pipeline of a client. */
  initialize(
    channel: Channel,
    id: string,
    handshake: SocketIoHandshake,
    accept: SocketIoAcceptance | undefined,
    session: RecoverySession | undefined,
  ): unknown {
    const { rooms, limits } = this;
    const socket = new SocketIoSocket(id, channel, handshake, rooms, limits, session);
    if (session !== undefined) this.recovery!.enter(session, channel);
    channel.attributes.set(SOCKET, socket);
    accept?.(channel as never);
    const { pipeline } = channel;
    pipeline.addLast('socket.io', this.packets);
    const built: unknown = this.build?.(channel, handshake);
    pipeline.addLast('socket.io events', this.listeners);
    rooms.enter(id, channel);
    if (session?.isRecovered === true) this.resume(session, channel);
    // The application sets the data of a client when it comes.
    channel.clock.nextTurn(() => this.recovery?.changed(channel));
    return built;
  }

  /** @internal A client was sent a ping. */
  pinged(channel: Channel): void {
    if (this.rooms.isDrained(channel)) this.recovery?.pinged(channel);
  }

  /** @internal A client has answered a ping. */
  ponged(channel: Channel): void {
    this.recovery?.ponged(channel);
  }

  /** Brings a client back into its rooms, and sends what it missed before anything else. */
  private resume(session: RecoverySession, channel: Channel): void {
    for (const room of session.rooms) this.rooms.join(channel, room);
    const missed = this.recovery!.missed(session);
    if (missed === undefined) channel.close('slow-consumer');
    else for (const event of missed) channel.write(event);
    channel.flush();
  }
}

function clientIn(channel: Channel): SocketIoClient {
  const { id, rooms, data } = channel.attributes.get(SOCKET)!;
  return { id, rooms, data };
}

function functionsOf(events: object): NamespaceListeners['events'] {
  const checked = Object.entries(events)
    .filter(([, listener]) => listener !== undefined)
    .map(([name, listener]) => {
      if (typeof listener === 'function') return [name, listener] as const;
      const text = `events.${name} is not a function: it is called with the event ${name}`;
      throw new OptionError('OPTION_INVALID', text, { option: `events.${name}` });
    });
  return new Map(checked as never);
}

function checkOf(
  schemas: Readonly<Record<string, StandardSchema | undefined>>,
): NamespaceListeners['checked'] {
  for (const schema of Object.values(schemas)) checkSchema(schema);
  const byName = new Map(Object.entries(schemas));
  return (name, args) => {
    const schema = byName.get(name);
    if (schema === undefined) return args;
    return validate(schema, args, `the event ${name}`) as readonly unknown[];
  };
}
