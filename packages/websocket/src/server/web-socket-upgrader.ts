import type { IncomingMessage } from 'node:http';
import {
  type Channel,
  type ChannelOptions,
  CLIENT_ADDRESS,
  OptionError,
  type TrustedPeers,
} from '@headrace/core';
import {
  atOnce,
  CHANNEL_OPTIONS,
  checkFunction,
  custom,
  describeOptions,
  nested,
  toError,
  unchecked,
} from '@headrace/core/authoring';
import { deflateTerms, type WebSocketCompression } from '../socket/compression.ts';
import { MESSAGE_LIMITS, type ReadLimits, type WebSocketLimits } from '../socket/message-limits.ts';
import type { WebSocketChannel, WebSocketInitializer } from '../socket/web-socket-channel.ts';
import { ForwardingProxies, type RequestSource } from './forwarding-proxies.ts';
import {
  chosenProtocol,
  type Handshake,
  type HandshakeTerms,
  SPOKEN_VERSIONS,
  shakeHands,
} from './handshake.ts';
import type { HttpEndpointHandler } from './http-endpoint-handler.ts';
import { isOwnOrigin } from './own-origin.ts';
import { checkRefusal, type UpgradeRefusal } from './refusal-check.ts';
import type { RequestPlace } from './tunnel-place.ts';

/** Builds the pipeline of a WebSocket's channel, whose `parent` is the channel that carries it. */
export type WebSocketAcceptor = (channel: WebSocketChannel, request: IncomingMessage) => unknown;

/**
 * Accepts a request for a WebSocket, and gets its channel before `webSocket` builds the pipeline: for attributes, such as
 * the user who was found. Works at once; if it throws, the WebSocket closes as when `webSocket` throws.
 */
export type UpgradeAcceptance = (channel: WebSocketChannel) => void;

/** A decision about a request for a WebSocket. */
export type UpgradeDecision = boolean | UpgradeAcceptance | UpgradeRefusal;

/** Options of the WebSockets of an `HttpEndpoint`. */
export interface WebSocketUpgradeOptions extends WebSocketLimits {
  /** Builds the pipeline of each WebSocket. @default there are no WebSockets */
  readonly webSocket?: WebSocketAcceptor;
  /** The path, or the paths, that WebSockets are opened on; `request.url` has the one that was used. @default '/ws' */
  readonly webSocketPath?: string | readonly string[];
  /** Options of the WebSockets' channels; logger and clock come from the connection otherwise. */
  readonly webSocketOptions?: ChannelOptions;
  /** The subprotocols we speak, best first; the chosen one is the attribute `WEB_SOCKET_PROTOCOL`. @default none */
  readonly subprotocols?: readonly string[];
  /** Take permessage-deflate if the client offers it. @default false */
  readonly compression?: WebSocketCompression;
  /**
   * The other sites whose pages may open a WebSocket, such as `['https://chat.example']`, or a function that decides. If
   * it throws, the answer is 500 and the error is fired in the connection's pipeline.
   * @default none; the server's own pages always may
   */
  readonly allowOrigin?:
    | readonly string[]
    | ((origin: string, request: IncomingMessage) => boolean);
  /**
   * The HTTP proxies before this server, as IP addresses and networks. Their `X-Forwarded-Host` is the host that a page
   * is compared with, and their `X-Forwarded-For` is the `clientAddress` of the WebSocket's channel. They
   * must set or remove `X-Forwarded-Host`, and append to `X-Forwarded-For`. Such headers of anybody else have no effect. A function that throws is
   * treated as one of `allowOrigin`. @default none
   */
  readonly trustedProxies?: TrustedPeers;
  /**
   * Decides before the WebSocket is opened, for example by a token (`bearerOf`) or a cookie (`cookieOf`): `true` accepts it,
   * `false` answers 403. A function accepts it too, and gets the WebSocket's channel before its pipeline is built:
   * `(channel) => channel.attributes.set(PRINCIPAL, user)` signs it in. If it throws or rejects, the answer is 500 and the error is fired in the connection's
   * pipeline. The request's deadline goes on meanwhile. @default all are accepted
   */
  readonly authorize?: (request: IncomingMessage) => UpgradeDecision | Promise<UpgradeDecision>;
}

export const UPGRADE_OPTIONS = describeOptions(
  'WebSocketUpgradeOptions',
  {
    webSocket: unchecked(),
    webSocketPath: unchecked({ default: '/ws' }),
    webSocketOptions: nested(CHANNEL_OPTIONS, { default: {} }),
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

/** The parameters of a WebSocket whose frames come as requests. */
export interface WebSocketTerms {
  readonly limits: ReadLimits;
  readonly messageTimeoutMs: number;
  readonly subprotocol: string | undefined;
  readonly initialize: WebSocketInitializer;
  readonly options: ChannelOptions;
}

/** Checks requests for WebSockets of one {@link HttpEndpoint}, and opens them. */
export class WebSocketUpgrader {
  private readonly options: WebSocketUpgradeOptions;
  private readonly paths: ReadonlySet<string>;
  private readonly terms: HandshakeTerms;
  private readonly limits: ReadLimits;
  private readonly messageTimeoutMs: number;
  private readonly allowOrigin: OriginCheck | undefined;
  private readonly proxies: ForwardingProxies;

  constructor(options: WebSocketUpgradeOptions) {
    const { subprotocols, compression, webSocketPath, allowOrigin, trustedProxies } =
      UPGRADE_OPTIONS.part(options);
    const { maxMessageBytes, maxFragments, messageTimeoutMs } = MESSAGE_LIMITS.part({ ...options });
    this.options = options;
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

  /** Opens the WebSocket that was asked for, or answers why not. */
  open(request: IncomingMessage, handler: HttpEndpointHandler): void {
    if (!this.isForWebSocket(request)) {
      handler.refuse(404);
      return;
    }
    const source = this.allowedSource(request, handler);
    if (source === undefined) return;
    this.authorized(request, handler, (accept) => this.upgrade(request, source, handler, accept));
  }

  /** Whether there are WebSockets, and the path is theirs. */
  isForWebSocket(request: IncomingMessage): boolean {
    return this.options.webSocket !== undefined && this.paths.has(pathOf(request));
  }

  /** Decides about a WebSocket whose frames come as requests, from an {@link allowedSource}. */
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

  private authorized(
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

  /** `undefined` if it was refused: the request has been answered. */
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
    const { limits, messageTimeoutMs } = this;
    handler.upgraded({ ...handshake, limits, messageTimeoutMs }, initialize, webSocketOptions);
  }

  private initializer(
    request: IncomingMessage,
    { client }: RequestSource,
    accept: UpgradeAcceptance,
  ): WebSocketInitializer {
    return (channel) => {
      if (client !== undefined) channel.attributes.set(CLIENT_ADDRESS, client);
      atOnce('the function of authorize', accept(channel) as unknown);
      return this.options.webSocket!(channel, request);
    };
  }

  /** `undefined` if the page may not open a WebSocket: the request has been answered. */
  allowedSource(request: IncomingMessage, handler: RequestPlace): RequestSource | undefined {
    try {
      const source = this.proxies.sourceOf(request, handler.connection);
      if (this.isAllowed(request, source, handler.connection)) return source;
      handler.refuseOrigin(request.headers.origin!);
    } catch (thrown) {
      handler.refuseFailed(toError(thrown));
    }
    return undefined;
  }

  /** Programs send no `Origin` header; browsers always do. */
  private isAllowed(
    request: IncomingMessage,
    { host, isForwarded }: RequestSource,
    connection: Channel,
  ): boolean {
    const { origin } = request.headers;
    if (origin === undefined) return true;
    // The system is asked for it, and the connection keeps it.
    const { localAddress: own } = connection;
    const localAddress = own !== undefined && 'host' in own ? own.host : undefined;
    if (isOwnOrigin(origin, { host, localAddress, isForwarded })) return true;
    return this.allowOrigin?.(origin, request) === true;
  }
}

const asItIs: UpgradeAcceptance = () => {};

type OriginCheck = (origin: string, request: IncomingMessage) => boolean;

/** The option as a function. */
function allowedOrigins(name: string, given: readonly string[] | OriginCheck): OriginCheck {
  if (typeof given === 'function')
    return checkFunction(name, given, { answers: 'at once', takes: 2 });
  const wrong = Array.isArray(given) ? given.find((text) => !isOrigin(text)) : given;
  if (wrong === undefined) return (origin) => given.includes(origin);
  const text = `${name} has "${String(wrong)}", but must be a list of origins such as https://chat.example, as a browser sends them, or a function`;
  throw new OptionError('OPTION_INVALID', text, { option: name, value: wrong });
}

/** Schemes that are not the web's, as `capacitor://localhost`, have no `origin`. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, host } = new URL(text);
  return text === (origin === 'null' && host !== '' ? `${protocol}//${host}` : origin);
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function pathsOf(paths: string | readonly string[]): ReadonlySet<string> {
  const all = typeof paths === 'string' ? [paths] : paths;
  const wrong = all.find((path) => !path.startsWith('/'));
  if (wrong === undefined) return new Set(all);
  const text = `webSocketPath is "${wrong}", but must start with a slash`;
  throw new OptionError('OPTION_INVALID', text, { option: 'webSocketPath' });
}
