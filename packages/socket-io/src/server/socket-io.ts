import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Channel, type ChannelOptions, OptionError } from '@headrace/core';
import { describeOptions, fn, list, nested, time, whole } from '@headrace/core/authoring';
import type {
  HttpSessions,
  SessionRequest,
  SessionSignIn,
  WebSocketChannel,
} from '@headrace/websocket';
import {
  ENGINE_CHANNEL_OPTIONS,
  type EngineChannelOptions,
  EngineIo,
} from '../engine/engine-io.ts';
import { ENGINE_OPTIONS, type EngineOptions } from '../engine/engine-options.ts';
import { SocketIoNamespace } from '../namespace/socket-io-namespace.ts';
import { ConnectionHandler, type ConnectionTerms } from './connection-handler.ts';

/** A namespace with events of any types. */
// biome-ignore lint/suspicious/noExplicitAny: events of any types
export type AnySocketIoNamespace = SocketIoNamespace<any, any>;

/** Options of a {@link SocketIo}. The names of Socket.IO's own options are in brackets. */
export interface SocketIoOptions extends EngineOptions {
  /** The namespaces that clients can enter. */
  readonly namespaces: readonly AnySocketIoNamespace[];
  /** Returns the namespace for a name that is none of `namespaces`, or `undefined`. It must not make one for each name. @default none */
  readonly namespaceOf?: (name: string) => AnySocketIoNamespace | undefined;
  /** Maximum time until a client enters its first namespace, in milliseconds (`connectTimeout`). @default 45000 */
  readonly connectTimeoutMs?: number | false;
  /** Maximum time until the attachments of an event are complete, in milliseconds. It is paused while reads are held. @default 15000 */
  readonly packetTimeoutMs?: number | false;
  /** Maximum number of namespaces of one connection. Further ones are refused by a `connect_error`. @default 64 */
  readonly maxNamespaces?: number;
  /** Maximum number of attachments of one event, each of at most `maxPayloadBytes`. @default 10 */
  readonly maxAttachments?: number;
  /**
   * Maximum count of a packet without its attachments: its length, and 64 bytes for each value in its JSON, because an empty object
   * takes three bytes of JSON and 67 bytes of memory. All that a client sent for its namespaces (`auth`) counts no more than this,
   * too. A packet takes at most four times as much memory.
   * @default 16777216
   */
  readonly maxPacketBytes?: number;
  /** Adds handlers to the channel of each connection, which carries all its namespaces. @default none */
  readonly connection?: (channel: Channel, request: IncomingMessage) => void;
  /** Options of the channels of connections. By default, a channel has the logger and the clock of its first connection. */
  readonly connectionOptions?: EngineChannelOptions;
}

const OPTIONS = describeOptions(
  'SocketIo',
  {
    namespaces: list('a list of SocketIoNamespaces', { required: true }),
    namespaceOf: fn({ answers: 'sync', purpose: 'returns the namespace of a name' }),
    connectTimeoutMs: time({ default: 45_000 }),
    packetTimeoutMs: time({ default: 15_000 }),
    maxNamespaces: whole({ min: 1, default: 64 }),
    maxAttachments: whole({ min: 0, default: 10 }),
    maxPacketBytes: whole({ min: 1, default: 16 * 1024 * 1024 }),
    connection: fn({ answers: 'sync', takes: 2, purpose: 'adds handlers to a connection' }),
    connectionOptions: nested(ENGINE_CHANNEL_OPTIONS, { default: {} }),
  },
  ENGINE_OPTIONS,
);

/**
 * A server for the clients of Socket.IO (protocol 5, clients of version 3 and 4), on the port of an `HttpEndpoint` (option `sessions`).
 * Each namespace of a connection is a channel.
 *
 * @example
 * ```ts run
 * import { ServerBootstrap } from '@headrace/core';
 * import { SocketIo, SocketIoNamespace } from '@headrace/socket-io';
 * import { HttpEndpoint } from '@headrace/websocket';
 *
 * interface ClientToServer {
 *   say: (text: string, heard: (length: number) => void) => void;
 * }
 * interface ServerToClient {
 *   said: (text: string) => void;
 * }
 *
 * const main = new SocketIoNamespace<ClientToServer, ServerToClient>('/', {
 *   connection: (socket) => socket.join('lobby'),
 *   events: {
 *     say: (_socket, text, heard) => {
 *       main.to('lobby').emit('said', text);
 *       heard(text.length);
 *     },
 *   },
 * });
 * const endpoint = new HttpEndpoint({ sessions: new SocketIo({ namespaces: [main] }) });
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
 *   .bind({ port: 0, host: '127.0.0.1' });
 *
 * const answer = await fetch(`http://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=polling`);
 * console.log((await answer.text()).slice(0, 8));
 * await server.close();
 * // prints 0{"sid":
 * ```
 * @see the `Server` of Socket.IO
 */
export class SocketIo implements HttpSessions {
  private readonly engine: EngineIo;
  private readonly namespaces = new Map<string, AnySocketIoNamespace>();

  /** @throws OptionError if an option is not valid */
  constructor(options: SocketIoOptions) {
    const settings = OPTIONS.resolve(options);
    for (const namespace of options.namespaces) this.add(namespace);
    const { namespaceOf, connection } = settings;
    const { pingIntervalMs, pingTimeoutMs } = ENGINE_OPTIONS.part(options);
    const terms: ConnectionTerms = {
      ...settings,
      // Another packet than the pong moves the deadline of a pong once.
      aliveMs: pingIntervalMs + 2 * pingTimeoutMs,
      namespaceOf: (name) => this.namespaces.get(name) ?? namespaceOf?.(name),
    };
    this.engine = new EngineIo({
      ...ENGINE_OPTIONS.part(options),
      path: options.path ?? '/socket.io/',
      sessionOptions: optionsOf(options.connectionOptions),
      session: (channel, request) => {
        const { headers, url = '' } = request;
        connection?.(channel as Channel, request);
        const handshake = { headers, url, connection: channel as Channel };
        channel.pipeline.addLast('socket.io', new ConnectionHandler(terms, handshake));
      },
    });
  }

  private add(namespace: AnySocketIoNamespace): void {
    if (!(namespace instanceof SocketIoNamespace)) {
      const text = 'namespaces must be a list of SocketIoNamespaces';
      throw new OptionError('OPTION_INVALID', text, { option: 'namespaces' });
    }
    const { name } = namespace;
    if (this.namespaces.has(name)) {
      const text = `namespaces has two with the name ${name}`;
      throw new OptionError('OPTION_CONFLICT', text, { option: 'namespaces' });
    }
    this.namespaces.set(name, namespace);
  }

  get path(): string {
    return this.engine.path;
  }

  get maxMessageBytes(): number {
    return this.engine.maxMessageBytes;
  }

  /** Called by the endpoint with a request of a client. */
  serve(request: IncomingMessage, response: ServerResponse, place: SessionRequest): void {
    this.engine.serve(request, response, place);
  }

  /** Called by the endpoint with a request for a WebSocket. */
  takes(request: IncomingMessage): 'opens' | 'continues' | 'refused' {
    return this.engine.takes(request);
  }

  /** Called by the endpoint with a WebSocket that {@link takes} accepted. */
  webSocket(channel: WebSocketChannel, request: IncomingMessage, signIn: SessionSignIn): void {
    this.engine.webSocket(channel, request, signIn);
  }
}

/** The channels of namespaces limit their output. A second limit for all of them would fail writes that they have accepted. */
function optionsOf(given: ChannelOptions | undefined): EngineChannelOptions {
  return { maxOutboundBytes: Number.POSITIVE_INFINITY, ...given };
}
