import type { IncomingMessage } from 'node:http';
import {
  type Channel,
  CLIENT_ADDRESS,
  OptionError,
  type PipelineTemplate,
  type TrustedPeers,
} from '@headrace/core';
import {
  atOnce,
  builder,
  type ChannelBuilder,
  checkFunction,
  custom,
  describeOptions,
  nested,
  toError,
  unchecked,
} from '@headrace/core/authoring';
import { deflateTerms, type WebSocketCompression } from '../socket/compression.ts';
import { MESSAGE_LIMITS, type ReadLimits, type WebSocketLimits } from '../socket/message-limits.ts';
import type { WebSocketInput, WebSocketOutput } from '../socket/text-message.ts';
import {
  WEB_SOCKET_CHANNEL_OPTIONS,
  type WebSocketChannel,
  type WebSocketChannelOptions,
  type WebSocketInitializer,
} from '../socket/web-socket-channel.ts';
import { ForwardingProxies, type RequestSource } from './forwarding-proxies.ts';
import {
  asksForWebSocket,
  chosenProtocol,
  type Handshake,
  type HandshakeTerms,
  SPOKEN_VERSIONS,
  shakeHands,
} from './handshake.ts';
import type { HttpEndpointHandler } from './http-endpoint-handler.ts';
import type { HttpSessions } from './http-sessions.ts';
import { isOwnOrigin } from './own-origin.ts';
import { checkRefusal, type UpgradeRefusal } from './refusal-check.ts';
import { targetOf } from './request-target.ts';
import type { RequestPlace } from './tunnel-place.ts';

/** Builds the pipeline of a WebSocket's channel. The channel's `parent` is the channel that carries the WebSocket. */
export type WebSocketAcceptor =
  | ((channel: WebSocketChannel, request: IncomingMessage) => unknown)
  | PipelineTemplate<unknown, unknown, WebSocketInput, WebSocketOutput>;

/**
 * Accepts a request for a WebSocket. Called with the new channel before `webSocket` builds the pipeline, for example to set the
 * user as an attribute. The function must be synchronous. If the function throws, the WebSocket closes as if `webSocket` had
 * thrown.
 */
export type UpgradeAcceptance = (channel: WebSocketChannel) => void;

/** A decision about a request for a WebSocket. */
export type UpgradeDecision = boolean | UpgradeAcceptance | UpgradeRefusal;

/** Options of the WebSockets of an `HttpEndpoint`. */
export interface WebSocketUpgradeOptions extends WebSocketLimits {
  /**
   * Builds the pipeline of each WebSocket: a function, or a template that begins with `pipeline<WebSocketInput, WebSocketOutput>()`.
   * @default there are no WebSockets
   */
  readonly webSocket?: WebSocketAcceptor;
  /** One or more paths of the WebSockets. `request.url` contains the requested path. @default '/ws' */
  readonly webSocketPath?: string | readonly string[];
  /** Options of the WebSockets' channels. By default, a channel has the logger and the clock of its connection. */
  readonly webSocketOptions?: WebSocketChannelOptions;
  /**
   * Supported subprotocols, in order of preference. The attribute `WEB_SOCKET_PROTOCOL` contains the chosen subprotocol.
   * @default none
   */
  readonly subprotocols?: readonly string[];
  /** Whether the server accepts permessage-deflate if the client offers it. @default false */
  readonly compression?: WebSocketCompression;
  /**
   * Other sites whose pages can open a WebSocket, for example `['https://chat.example']`, or a function that decides. If the
   * function throws, the server answers 500 and fires the error in the connection's pipeline.
   * @default none; the server's own pages always may
   */
  readonly allowOrigin?:
    | readonly string[]
    | ((origin: string, request: IncomingMessage) => boolean);
  /**
   * IP addresses and networks of the HTTP proxies before this server. The origin of a page is compared with their
   * `X-Forwarded-Host`. The `clientAddress` of the WebSocket's channel is read from their `X-Forwarded-For`. The proxies must set
   * or remove `X-Forwarded-Host`, and append to `X-Forwarded-For`. Such headers from other peers have no effect. A function that
   * throws is handled as for `allowOrigin`.
   * @default none
   */
  readonly trustedProxies?: TrustedPeers;
  /**
   * Decides before the WebSocket opens, for example by a token (`bearerOf`) or a cookie (`cookieOf`). `true` accepts, and `false`
   * answers 403. A function also accepts, and is called with the WebSocket's channel before the pipeline is built. For example,
   * `(channel) => channel.attributes.set(PRINCIPAL, user)` signs the peer in. If `authorize` throws or rejects, the server
   * answers 500 and fires the error in the connection's pipeline. The request's deadline continues meanwhile.
   * @default all are accepted
   */
  readonly authorize?: (request: IncomingMessage) => UpgradeDecision | Promise<UpgradeDecision>;
}

export const UPGRADE_OPTIONS = describeOptions(
  'WebSocketUpgradeOptions',
  {
    webSocket: builder('a WebSocket'),
    webSocketPath: unchecked({ default: '/ws' }),
    webSocketOptions: nested(WEB_SOCKET_CHANNEL_OPTIONS, { default: {} }),
    subprotocols: unchecked(),
    compression: unchecked({ default: false }),
    allowOrigin: custom(
      'origins such as https://chat.example, without a path, or a function',
      allowedOrigins,
    ),
    trustedProxies: unchecked(),
    authorize: unchecked(),
  },
  MESSAGE_LIMITS,
);

/** The parameters of a WebSocket whose frames arrive in HTTP requests. */
export interface WebSocketTerms {
  readonly limits: ReadLimits;
  readonly messageTimeoutMs: number;
  readonly subprotocol: string | undefined;
  readonly initialize: WebSocketInitializer;
  readonly options: WebSocketChannelOptions;
}

/** The part of an {@link HttpEndpoint} that checks requests for WebSockets, and opens the WebSockets. */
export class WebSocketUpgrader {
  private readonly options: WebSocketUpgradeOptions;
  private readonly build: ChannelBuilder | undefined;
  private readonly paths: ReadonlySet<string>;
  private readonly terms: HandshakeTerms;
  private readonly limits: ReadLimits;
  private readonly messageTimeoutMs: number;
  private readonly allowOrigin: OriginCheck | undefined;
  private readonly proxies: ForwardingProxies;
  private readonly sessions: HttpSessions | undefined;

  constructor(options: WebSocketUpgradeOptions, sessions?: HttpSessions) {
    this.sessions = sessions;
    const { subprotocols, compression, webSocket, webSocketPath, allowOrigin, trustedProxies } =
      UPGRADE_OPTIONS.part(options);
    const { maxMessageBytes, maxFragments, messageTimeoutMs } = MESSAGE_LIMITS.part({ ...options });
    this.options = options;
    this.build = webSocket;
    this.allowOrigin = allowOrigin;
    this.proxies = new ForwardingProxies(trustedProxies ?? []);
    this.paths = pathsOf(webSocketPath);
    this.limits = { maxMessageBytes, maxFragments };
    this.messageTimeoutMs = messageTimeoutMs;
    this.terms = {
      subprotocols: subprotocols ?? [],
      deflate: deflateTerms(compression, maxMessageBytes),
    };
  }

  /** Returns true if the request asks for a WebSocket. Other upgrades are ignored. */
  isUpgrade(request: IncomingMessage): boolean {
    const hasWebSockets = this.options.webSocket !== undefined || this.sessions !== undefined;
    return hasWebSockets && asksForWebSocket(request);
  }

  /** Opens the requested WebSocket, or refuses it. */
  open(request: IncomingMessage, handler: HttpEndpointHandler): void {
    const sessions = this.sessionsOf(request);
    if (sessions === undefined && !this.isForWebSocket(request)) {
      handler.refuse(404);
      return;
    }
    const source = this.allowedSource(request, handler);
    if (source === undefined) return;
    const taken = sessions?.takes(request) ?? 'opens';
    const accepted = (accept: UpgradeAcceptance): void =>
      this.upgrade(request, source, handler, accept);
    if (taken === 'refused') handler.refuse(400);
    else if (taken === 'continues') accepted(asItIs);
    else this.authorized(request, handler, accepted);
  }

  /** Returns true if the request has a path of the endpoint's WebSockets. */
  isForWebSocket(request: IncomingMessage): boolean {
    return this.options.webSocket !== undefined && this.paths.has(targetOf(request).path);
  }

  private sessionsOf(request: IncomingMessage): HttpSessions | undefined {
    return this.sessions?.path === targetOf(request).path ? this.sessions : undefined;
  }

  /** Decides about a WebSocket whose frames arrive in HTTP requests, from an {@link allowedSource}. */
  admit(
    request: IncomingMessage,
    source: RequestSource,
    handler: RequestPlace,
    accept: (terms: WebSocketTerms) => void,
  ): void {
    this.authorized(request, handler, (signIn) => {
      const { limits, messageTimeoutMs, terms } = this;
      const offered = request.headers['sec-websocket-protocol'];
      let subprotocol: string | undefined;
      try {
        subprotocol = chosenProtocol(offered, terms.subprotocols);
      } catch (error) {
        handler.refuseBroken(toError(error));
        return;
      }
      const { webSocketOptions: options = {} } = this.options;
      const initialize = this.initializer(request, source, signIn);
      accept({ limits, messageTimeoutMs, subprotocol, initialize, options });
    });
  }

  /** Calls back if `authorize` accepts the request. Otherwise the request is answered. */
  authorized(
    request: IncomingMessage,
    handler: RequestPlace,
    then: (accept: UpgradeAcceptance) => void,
  ): void {
    if (this.options.authorize === undefined) then(asItIs);
    else {
      void this.decide(request, handler).then((accept) => {
        if (accept !== undefined) then(accept);
      });
    }
  }

  /** Resolves with `undefined` if the request was refused and answered. */
  private async decide(
    request: IncomingMessage,
    handler: RequestPlace,
  ): Promise<UpgradeAcceptance | undefined> {
    try {
      const decision = await this.options.authorize!(request);
      if (decision === true) return asItIs;
      if (typeof decision === 'function') return decision;
      const { status, headers } = checkRefusal(decision);
      handler.refuse(status, headers);
    } catch (thrown) {
      handler.refuseFailed(toError(thrown));
    }
    return undefined;
  }

  private upgrade(
    request: IncomingMessage,
    source: RequestSource,
    handler: HttpEndpointHandler,
    accept: UpgradeAcceptance,
  ): void {
    let handshake: Handshake;
    try {
      handshake = shakeHands(request, this.terms);
    } catch (error) {
      handler.refuseBroken(toError(error), [SPOKEN_VERSIONS]);
      return;
    }
    const { webSocketOptions = {} } = this.options;
    const initialize = this.initializer(request, source, accept);
    const { messageTimeoutMs } = this;
    const sessions = this.sessionsOf(request);
    if (sessions === undefined) {
      const { limits } = this;
      handler.upgraded({ ...handshake, limits, messageTimeoutMs }, initialize, webSocketOptions);
      return;
    }
    // The channels of the sessions limit their output, and write only what the WebSocket has room for.
    const options = { ...webSocketOptions, maxOutboundBytes: Number.POSITIVE_INFINITY };
    const limits = { ...this.limits, maxMessageBytes: sessions.maxMessageBytes };
    handler.upgraded({ ...handshake, limits, messageTimeoutMs }, initialize, options);
  }

  private initializer(
    request: IncomingMessage,
    { client }: RequestSource,
    accept: UpgradeAcceptance,
  ): WebSocketInitializer {
    const sessions = this.sessionsOf(request);
    return (channel) => {
      if (client !== undefined) channel.attributes.set(CLIENT_ADDRESS, client);
      const signIn = (opened: WebSocketChannel): void =>
        void atOnce('the function of authorize', accept(opened) as unknown);
      if (sessions !== undefined) return sessions.webSocket(channel, request, signIn as never);
      signIn(channel);
      return this.build!(channel as never, request);
    };
  }

  /** Returns `undefined` if the page is not allowed to open a WebSocket. The request has then been answered. */
  allowedSource(request: IncomingMessage, handler: RequestPlace): RequestSource | undefined {
    try {
      const source = this.proxies.sourceOf(request, handler.connection);
      if (this.isAllowed(request, source, handler.connection)) return source;
      handler.refuseOrigin(originOf(request)!);
    } catch (thrown) {
      handler.refuseFailed(toError(thrown));
    }
    return undefined;
  }

  /** Returns true if the page's origin is allowed. Programs send no `Origin` header; browsers always send one. */
  private isAllowed(
    request: IncomingMessage,
    { host, isForwarded }: RequestSource,
    connection: Channel,
  ): boolean {
    const origin = originOf(request);
    if (origin === undefined) return true;
    // Reading the address is a system call, and the connection caches the result.
    const { localAddress: own } = connection;
    const localAddress = own !== undefined && 'host' in own ? own.host : undefined;
    if (isOwnOrigin(origin, { host, localAddress, isForwarded })) return true;
    return this.allowOrigin?.(origin, request) === true;
  }
}

/** Returns the page's origin. Version 8 of the protocol has it in a header of its own. */
function originOf({ headers }: IncomingMessage): string | undefined {
  return headers.origin ?? (headers['sec-websocket-origin'] as string | undefined);
}

const asItIs: UpgradeAcceptance = () => {};

type OriginCheck = (origin: string, request: IncomingMessage) => boolean;

/** Returns the option as a function. */
function allowedOrigins(name: string, given: readonly string[] | OriginCheck): OriginCheck {
  if (typeof given === 'function') return checkFunction(name, given, { answers: 'sync', takes: 2 });
  const wrong = Array.isArray(given) ? given.find((text) => !isOrigin(text)) : given;
  if (wrong === undefined) return (origin) => given.includes(origin);
  const text = `${name} has "${String(wrong)}", but must be a list of origins such as https://chat.example, as a browser sends them, or a function`;
  throw new OptionError('OPTION_INVALID', text, { option: name, value: wrong });
}

/** Checks an origin. `URL` computes no `origin` for schemes outside the web, for example `capacitor://localhost`. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, host } = new URL(text);
  return text === (origin === 'null' && host !== '' ? `${protocol}//${host}` : origin);
}

function pathsOf(paths: string | readonly string[]): ReadonlySet<string> {
  const all = typeof paths === 'string' ? [paths] : paths;
  const wrong = all.find((path) => !path.startsWith('/'));
  if (wrong === undefined) return new Set(all);
  const text = `webSocketPath is "${wrong}", but must start with a slash`;
  throw new OptionError('OPTION_INVALID', text, { option: 'webSocketPath' });
}
