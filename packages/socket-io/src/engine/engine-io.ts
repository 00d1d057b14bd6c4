import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Channel,
  type ChannelOptions,
  CLIENT_ADDRESS,
  clientAddress,
  type Handler,
  openChannel,
  type PipelineTemplate,
} from '@headrace/core';
import {
  builder,
  CHANNEL_OPTIONS,
  type ChannelBuilder,
  describeOptions,
  encodeOnce,
  nested,
  warnFirst,
} from '@headrace/core/authoring';
import type {
  HttpSessions,
  SessionRequest,
  SessionSignIn,
  WebSocketChannel,
} from '@headrace/websocket';
import { ENGINE_OPTIONS, type EngineOptions, type EngineSettings } from './engine-options.ts';
import { EngineText } from './engine-packet.ts';
import { EngineSession, type Wire } from './engine-session.ts';
import { EngineTransport } from './engine-transport.ts';
import { ENGINE_FAULTS, type EngineFault, ResponseAnswer } from './http-answer.ts';
import { PollingWire } from './polling-wire.ts';
import { randomText } from './random-text.ts';
import { SocketWire } from './socket-wire.ts';

/** Number of random bytes of a session's id. Anyone who knows an id can read the session. */
const ID_BYTES = 15;

/** A channel whose messages are those of a session of Engine.IO: texts and bytes. */
export type EngineChannel = Channel<string | Buffer, string | Uint8Array>;

/** Builds the pipeline of a session: a function, or a template that begins with `pipeline<string | Buffer, string | Uint8Array>()`. */
export type EngineAcceptor =
  | ((channel: EngineChannel, request: IncomingMessage) => unknown)
  | PipelineTemplate<unknown, unknown, string | Buffer, string | Uint8Array>;

/** Options of the channels of sessions, which have no halves. */
export interface EngineChannelOptions extends Omit<ChannelOptions, 'allowHalfOpen'> {}

/** Options of an {@link EngineIo}. */
export interface EngineIoOptions extends EngineOptions {
  /** Builds the pipeline of each session. */
  readonly session: EngineAcceptor;
  /** Options of the channels of sessions. By default, a channel has the logger and the clock of its first connection. */
  readonly sessionOptions?: EngineChannelOptions;
}

/** @internal */
export const ENGINE_CHANNEL_OPTIONS = CHANNEL_OPTIONS.without({
  allowHalfOpen: 'a session ends both halves at once',
});

const OPTIONS = describeOptions(
  'EngineIo',
  {
    session: builder('a session', { required: true }),
    sessionOptions: nested(ENGINE_CHANNEL_OPTIONS, { default: {} }),
  },
  ENGINE_OPTIONS,
);

/** A session that polls, by its id. */
interface Polling {
  readonly session: EngineSession;
  readonly wire: PollingWire;
}

/** The place of a new session. */
interface SessionPlace {
  readonly request: IncomingMessage;
  /** Channel that carries the first request. */
  readonly connection: Channel;
  readonly parent: Channel | undefined;
  readonly client: Channel['remoteAddress'];
  readonly signIn: SessionSignIn;
}

/**
 * The sessions of clients of Engine.IO 4, over HTTP long-polling and WebSockets, on the port of an `HttpEndpoint` (option `sessions`).
 * Each session is a channel, whose messages are texts and bytes.
 */
export class EngineIo implements HttpSessions {
  readonly path: string;
  readonly maxMessageBytes: number;
  private readonly settings: EngineSettings;
  private readonly options: ChannelOptions;
  private readonly build: ChannelBuilder;
  /** The kinds of refusals that were logged. */
  private readonly reported = new Set<string>();
  /** Sessions that poll. A session that uses a WebSocket is found by its WebSocket alone. */
  private readonly polling = new Map<string, Polling>();
  /** Ids of the sessions that have upgraded, so that they are not taken for unknown. */
  private readonly upgraded = new Set<string>();

  /** @throws OptionError if an option is not valid */
  constructor(options: EngineIoOptions) {
    const { session } = OPTIONS.resolve(options);
    this.settings = ENGINE_OPTIONS.part(options);
    this.path = this.settings.path;
    this.maxMessageBytes = this.settings.maxPayloadBytes;
    // What is not given is that of the first connection, and not the default of other channels.
    this.options = options.sessionOptions ?? {};
    this.build = session;
  }

  // --- HTTP ---

  serve(request: IncomingMessage, response: ServerResponse, place: SessionRequest): void {
    const answer = new ResponseAnswer(response);
    const query = queryOf(request);
    const id = query.get('sid');
    const fault = this.faultOf(request, query, 'polling');
    if (fault !== undefined) {
      this.report(place.connection, fault.message, `a request for ${this.path}: ${fault.message}`);
      answer.refuse(fault);
    } else if (id === null) this.openPolling(request, response, answer, place);
    else if (request.method === 'GET') this.receivePoll(answer, place, this.polling.get(id)!);
    else this.receivePost(request, answer, place, this.polling.get(id)!);
  }

  private receivePoll(
    answer: ResponseAnswer,
    place: SessionRequest,
    { wire, session }: Polling,
  ): void {
    wire.receivePoll(answer);
    place.onDrain((event) => session.drained(wire, event));
  }

  private receivePost(
    { headers }: IncomingMessage,
    answer: ResponseAnswer,
    place: SessionRequest,
    { wire }: Polling,
  ): void {
    if (headers['content-type'] === 'application/octet-stream') {
      wire.refuse(answer, 'a POST of the type application/octet-stream');
      return;
    }
    if (!wire.beginPost(answer)) return;
    place.readBody(this.maxMessageBytes, (body) => wire.receiveBody(answer, body));
  }

  private openPolling(
    request: IncomingMessage,
    response: ServerResponse,
    answer: ResponseAnswer,
    place: SessionRequest,
  ): void {
    if (this.polling.size >= this.settings.maxPollingSessions) {
      const { maxPollingSessions } = this.settings;
      const why = `${maxPollingSessions} sessions poll already (maxPollingSessions)`;
      this.report(place.connection, 'full', why);
      response.writeHead(503, { 'Retry-After': '1' }).end();
      return;
    }
    place.admit((signIn) => {
      const { connection, client } = place;
      const wire = new PollingWire(connection.clock);
      const session = this.sessionOver(wire, connection);
      wire.attach(session);
      this.polling.set(session.id, { session, wire });
      wire.receivePoll(answer);
      // The session has connections one after the other, and belongs to none of them.
      this.begin(session, { request, connection, parent: connection.parent, client, signIn });
    });
  }

  /** Logs a refusal that no channel shows. Strangers can cause any number of them. */
  private report(connection: Channel, kind: string, why: string): void {
    warnFirst(connection, !this.reported.has(kind), `is refused: ${why}`);
    this.reported.add(kind);
  }

  /** Returns why a request cannot be served, in the order of the reference. */
  private faultOf(
    { method }: IncomingMessage,
    query: URLSearchParams,
    transport: 'polling' | 'websocket',
  ): EngineFault | undefined {
    const isKnown = (this.settings.transports as readonly (string | null)[]).includes(
      query.get('transport'),
    );
    if (!isKnown) return ENGINE_FAULTS.transport;
    const id = query.get('sid');
    if (id !== null && !this.polling.has(id)) {
      return this.upgraded.has(id) ? ENGINE_FAULTS.request : ENGINE_FAULTS.session;
    }
    if (id === null && method !== 'GET') return ENGINE_FAULTS.method;
    if (query.get('EIO') !== '4') return ENGINE_FAULTS.version;
    const isRight = query.get('transport') === transport && (method === 'GET' || method === 'POST');
    return isRight ? undefined : ENGINE_FAULTS.request;
  }

  // --- WebSockets ---

  takes(request: IncomingMessage): 'opens' | 'continues' | 'refused' {
    const query = queryOf(request);
    const id = query.get('sid');
    // A second WebSocket of a session is accepted and closed, because clients report a refusal as another error.
    if (id !== null && this.upgraded.has(id)) return 'continues';
    if (this.faultOf(request, query, 'websocket') !== undefined) return 'refused';
    return id === null ? 'opens' : 'continues';
  }

  webSocket(channel: WebSocketChannel, request: IncomingMessage, signIn: SessionSignIn): void {
    const id = queryOf(request).get('sid');
    const connection = channel as Channel;
    const wire = new SocketWire((self) => {
      if (id !== null) {
        this.upgrade(id, self, connection);
        return;
      }
      const session = this.sessionOver(self, connection);
      self.attach(session);
      const client = clientAddress(connection);
      this.begin(session, { request, connection, parent: connection, client, signIn });
    });
    channel.pipeline.addLast(wire as never);
  }

  private upgrade(id: string, wire: SocketWire, connection: Channel): void {
    const session = this.polling.get(id)?.session;
    if (session?.canUpgrade !== true) {
      this.report(connection, 'second', 'its session has upgraded, or is being upgraded');
      return;
    }
    wire.attach(session);
    session.probe(wire, () => {
      const { upgradeTimeoutMs } = this.settings;
      const why = `the upgrade was not finished within ${upgradeTimeoutMs} ms (upgradeTimeoutMs)`;
      this.report(connection, 'unfinished', why);
    });
  }

  // --- sessions ---

  private sessionOver(wire: Wire, { clock }: Channel): EngineSession {
    const id = randomText(ID_BYTES);
    const { settings } = this;
    return new EngineSession({ id, clock, settings, changed: this.changed }, wire);
  }

  /** Called when a session has upgraded or ended. */
  private readonly changed = ({ id, end }: EngineSession): void => {
    const wasPolling = this.polling.delete(id);
    if (end !== undefined) this.upgraded.delete(id);
    else if (wasPolling) this.upgraded.add(id);
  };

  private begin(session: EngineSession, place: SessionPlace): void {
    const { request, connection, parent, client, signIn } = place;
    const { localAddress, logger, clock } = connection;
    const transport = new EngineTransport(session, localAddress, connection.remoteAddress);
    session.open();
    openChannel(transport, {
      logger,
      clock,
      ...this.options,
      ...(parent && { parent }),
      initialize: (channel) => {
        channel.pipeline.addLast('engine.io', START);
        if (client !== undefined) channel.attributes.set(CLIENT_ADDRESS, client);
        signIn(channel);
        return this.build(channel as never, request);
      },
    });
  }
}

/** The first handler of each session: in a broadcast, a text is encoded once. */
const START: Handler = {
  sharable: true,
  write: (ctx, message) =>
    ctx.write(
      typeof message === 'string'
        ? encodeOnce('engine.io', message, (text): unknown => text, EngineText.forMany)
        : message,
    ),
};

/** Returns the query of a request. */
function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const at = url.indexOf('?');
  return new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
}
