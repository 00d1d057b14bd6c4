import type { IncomingMessage } from 'node:http';
import { type ChannelDuplex, type ChannelOptions, OptionError } from '@headrace/core';
import {
  CHANNEL_OPTIONS,
  describeOptions,
  nested,
  toError,
  unchecked,
} from '@headrace/core/authoring';
import type { WebSocketServer as WsServer } from 'ws';
import { type WebSocketCompression, wsDeflate } from '../socket/compression.ts';
import { LastWordSocket } from '../socket/last-word-socket.ts';
import { MESSAGE_LIMITS, messageLimits, type WebSocketLimits } from '../socket/message-limits.ts';
import type { WebSocketChannel } from '../socket/web-socket-channel.ts';
import { WebSocketServer } from '../socket/ws-library.ts';
import type { HttpEndpointHandler } from './http-endpoint-handler.ts';
import { isOwnOrigin } from './own-origin.ts';

/** Builds the pipeline of a WebSocket's channel, whose `parent` is the channel that carries it. */
export type WebSocketAcceptor = (channel: WebSocketChannel, request: IncomingMessage) => unknown;

/** The answer to a request for a WebSocket that is refused. */
export interface UpgradeRefusal {
  /** The HTTP status, such as 401. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

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
   * Lets a page of another site open a WebSocket. If it throws, the answer is 500 and the error is fired in the
   * connection's pipeline. @default never; the server's own pages always may
   */
  readonly allowOrigin?: (origin: string, request: IncomingMessage) => boolean;
  /**
   * Decides before the WebSocket is opened, for example by a token in a cookie or in the query: `true` accepts it,
   * `false` answers 403. If it throws or rejects, the answer is 500 and the error is fired in the connection's
   * pipeline. The request's deadline goes on meanwhile.
   */
  readonly authorize?: (
    request: IncomingMessage,
  ) => boolean | UpgradeRefusal | Promise<boolean | UpgradeRefusal>;
}

export const UPGRADE_OPTIONS = describeOptions(
  'WebSocketUpgradeOptions',
  {
    webSocket: unchecked(),
    webSocketPath: unchecked({ default: '/ws' }),
    webSocketOptions: nested(CHANNEL_OPTIONS, { default: {} }),
    subprotocols: unchecked(),
    compression: unchecked({ default: false }),
    allowOrigin: unchecked(),
    authorize: unchecked(),
  },
  MESSAGE_LIMITS,
);

/** A WebSocket whose peer does not answer our close frame is dropped after this. */
const CLOSE_TIMEOUT_MS = 2000;

/** Checks requests for WebSockets of one {@link HttpEndpoint}, and opens them with the `ws` library. */
export class WebSocketUpgrader {
  private readonly options: WebSocketUpgradeOptions;
  private readonly paths: ReadonlySet<string>;
  private readonly sockets: WsServer;
  private readonly messageTimeoutMs: number;

  /** @param broken - called with the stream of a malformed request */
  constructor(
    options: WebSocketUpgradeOptions,
    broken: (stream: object, error: NodeJS.ErrnoException) => void,
  ) {
    const { subprotocols, compression, webSocketPath } = UPGRADE_OPTIONS.part(options);
    this.options = options;
    this.paths = pathsOf(webSocketPath);
    const { limits, messageTimeoutMs } = messageLimits({ ...options });
    this.messageTimeoutMs = messageTimeoutMs;
    this.sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: wsDeflate(compression, 'server'),
      ...limits,
      WebSocket: LastWordSocket,
      handleProtocols: (offered) => subprotocols?.find((name) => offered.has(name)) ?? false,
      ...{ closeTimeout: CLOSE_TIMEOUT_MS },
    });
    this.sockets.on('wsClientError', (error, stream) => broken(stream, error));
  }

  /** Opens a WebSocket on the stream, or answers why not. */
  open(
    request: IncomingMessage,
    stream: ChannelDuplex,
    head: Buffer,
    handler: HttpEndpointHandler,
  ): void {
    const { webSocket, authorize } = this.options;
    if (webSocket === undefined || !this.paths.has(pathOf(request))) handler.refuse(404);
    else if (!this.isAllowed(request, stream, handler)) return;
    else if (authorize === undefined) this.upgrade(request, stream, head, handler);
    else {
      void this.decide(request, handler).then((isAllowed) => {
        if (isAllowed && stream.writable) this.upgrade(request, stream, head, handler);
      });
    }
  }

  private async decide(request: IncomingMessage, handler: HttpEndpointHandler): Promise<boolean> {
    try {
      const decision = await this.options.authorize!(request);
      if (decision === true) return true;
      const { status, headers = {} } = decision === false ? { status: 403 } : decision;
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      handler.refuse(status, lines);
    } catch (thrown) {
      handler.refuseFailed(toError(thrown));
    }
    return false;
  }

  private upgrade(
    request: IncomingMessage,
    stream: ChannelDuplex,
    head: Buffer,
    handler: HttpEndpointHandler,
  ): void {
    const { webSocket, webSocketOptions } = this.options;
    const isTimed = Number.isFinite(this.messageTimeoutMs);
    const messageTimeoutMs = isTimed ? this.messageTimeoutMs : false;
    this.sockets.handleUpgrade(request, stream, head, (ws) => {
      const initialize = (channel: WebSocketChannel) => webSocket!(channel, request);
      handler.upgraded(ws as LastWordSocket, initialize, { ...webSocketOptions, messageTimeoutMs });
    });
  }

  /** If false, the request has been answered. Programs send no `Origin` header; browsers always do. */
  private isAllowed(
    request: IncomingMessage,
    stream: ChannelDuplex,
    handler: HttpEndpointHandler,
  ): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined) return true;
    if (isOwnOrigin(origin, { host, localAddress: stream.localAddress })) return true;
    try {
      if (this.options.allowOrigin?.(origin, request) === true) return true;
      handler.refuseOrigin(origin);
    } catch (thrown) {
      handler.refuseFailed(toError(thrown));
    }
    return false;
  }
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
