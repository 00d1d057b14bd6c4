import {
  type Channel,
  ChannelError,
  type Clock,
  type Context,
  connectChannel,
  type Handler,
  isHeadraceError,
  type Logger,
  MemoryTransport,
  OptionError,
  silentLogger,
  systemClock,
  TimedOutError,
  type Transport,
} from '@headrace/core';
import {
  credentialsOf,
  describeOptions,
  shownUrl,
  time,
  toError,
  urlOf,
} from '@headrace/core/authoring';
import { CUT_OFF } from '../socket/close-codes.ts';
import { FrameTransport } from '../socket/frame-transport.ts';
import type { ReadLimits } from '../socket/message-limits.ts';
import {
  WEB_SOCKET_CLOSE,
  WEB_SOCKET_TUNNEL,
  type WebSocketTransport,
} from '../socket/web-socket-channel.ts';
import { FrameCarrier } from '../tunnel/frame-carrier.ts';
import { WEB_SOCKET_ERRORS } from '../web-socket-errors.ts';
import { type Fetch, TunnelEnd } from './tunnel-end.ts';
import { type WayStore, wayStore } from './way-store.ts';

/** Options of an {@link HttpTunnel}. Times are in milliseconds. */
export interface HttpTunnelOptions {
  /** Maximum time for the WebSocket to open before the tunnel is tried; `false` for the connect time-out. @default 5000 */
  readonly webSocketTimeoutMs?: number | false;
  /**
   * Period during which the tunnel is tried before the WebSocket, counted from the tunnel's last success; `false` for no end.
   * @default 600000
   */
  readonly webSocketAgainMs?: number | false;
  /** Maximum time until the first bytes of the server arrive. A proxy that holds back answers exceeds this time. @default 5000 */
  readonly answerTimeoutMs?: number | false;
}

/** The connect of a bootstrap, which a tunnel takes over. */
export interface TunnelTerms {
  /** Creates the transport of the WebSocket. */
  readonly dial: () => Dialed;
  /** Opens a channel over one of the two transports. `first` are the first handlers of its pipeline. */
  readonly open: (transport: Dialed, terms: object, ...first: Handler[]) => Promise<Channel>;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock | undefined;
  readonly logger: Logger | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly origin: string | undefined;
  readonly subprotocols: readonly string[];
  readonly limits: ReadLimits;
  readonly tls: unknown;
}

type Dialed = Transport & WebSocketTransport;

/** The two ways to connect: by a WebSocket, or by the tunnel. */
export interface Ways<C> {
  /** `ended` is called when the opened WebSocket has ended, and says whether it had carried anything to this side. */
  readonly webSocket: (timeoutMs: number, ended: (hasCarried: boolean) => void) => Promise<C>;
  readonly tunnel: () => Promise<C>;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock | undefined;
  readonly logger: Logger | undefined;
}

const OPTIONS = describeOptions('HttpTunnel', {
  webSocketTimeoutMs: time({ default: 5000 }),
  webSocketAgainMs: time({ default: 600_000 }),
  answerTimeoutMs: time({ default: 5000 }),
});

const STORED = 'headrace:http-tunnel:';

/** Number of WebSockets in a row that opened and carried nothing, after which the tunnel is tried first. */
const MAX_EMPTY = 3;

/**
 * A fallback of `WebSocketBootstrap` for networks that let no WebSocket through, for example behind some proxies. The tunnel
 * carries the same messages over plain HTTP requests, which the server accepts with its option `httpTunnel`. The tunnel is tried
 * if a WebSocket fails before it opens, or after three WebSockets in a row have opened and ended without a message of the server,
 * because some proxies let only the handshake through. After a success, the tunnel is tried first for a period
 * (`webSocketAgainMs`). A page keeps this preference in its `localStorage`. A program keeps the preference in this object, so share
 * the object between all bootstraps. The preference is for a URL without its user and its query. If the tunnel is used, the
 * channel's attribute `WEB_SOCKET_TUNNEL` is `true`, and a line is logged.
 *
 * A session of a tunnel lives on one server. Several servers behind a balancer need sticky sessions, or the connect fails with
 * `TUNNEL_ELSEWHERE`. If a proxy holds back incomplete answers, the connect fails with `TUNNEL_BUFFERED`. If both ways fail, the
 * error has the code of the failure to act on. The error's `cause` is an `AggregateError` of both errors. The tunnel uses
 * `fetch`, so it cannot be combined with the option `tls`.
 *
 * @example
 * ```ts check
 * import { HttpTunnel, WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';
 *
 * const channel = await new WebSocketBootstrap()
 *   .options({ httpTunnel: new HttpTunnel() })
 *   .handler((channel) => channel.pipeline.addLast(new WebSocketTextCodec()))
 *   .connect('wss://chat.example/ws');
 * await channel.writeAndFlush('hello, whatever the proxy');
 * ```
 */
export class HttpTunnel {
  private readonly options: Required<{ readonly [K in keyof HttpTunnelOptions]: number }>;
  /** For each URL without user and query, the time of day until which the tunnel is tried first. */
  private readonly preferred = new Map<string, number>();
  /** For each such URL, the number of WebSockets in a row that carried nothing. */
  private readonly empty = new Map<string, number>();

  constructor(options: HttpTunnelOptions = {}) {
    this.options = OPTIONS.resolve(options);
  }

  /**
   * Returns true while the tunnel is tried before the WebSocket.
   *
   * @throws OptionError `OPTION_INVALID` for a value that is not a URL of a WebSocket
   */
  isPreferred(url: string | URL, clock: Clock = systemClock): boolean {
    const key = keyOf(url);
    if (this.emptyOf(key) >= MAX_EMPTY) return true;
    const until =
      this.preferred.get(key) ?? Number(stored((store) => store.getItem(STORED + key)) ?? 0);
    const left = until - clock.timeOfDay();
    // More time than the option allows remains if the clock of the machine was set back.
    return left > 0 && left <= this.options.webSocketAgainMs;
  }

  /** @internal Opens a channel for a bootstrap, by one of the two ways. */
  async connect(url: string | URL, terms: TunnelTerms): Promise<Channel> {
    if (terms.tls !== undefined) throw tlsOfTunnel();
    return await this.tryWays(url, {
      webSocket: async (timeoutMs, ended) => {
        const input = new FirstInput();
        const connectTimeoutMs = Math.min(timeoutMs, terms.connectTimeoutMs);
        const channel = await terms.open(terms.dial(), { connectTimeoutMs }, input);
        channel.onClosed(() => {
          const { by, reason } = channel.closeInfo!;
          const code = channel.attributes.get(WEB_SOCKET_CLOSE)?.code ?? CUT_OFF;
          // A WebSocket that this side closed early tells nothing, unless the network was silent.
          const isOwn = by === 'local' && reason !== 'heartbeat' && reason !== 'timeout';
          if (!isOwn) ended(input.hasCome || code !== CUT_OFF);
        });
        return channel;
      },
      tunnel: () => {
        const attributes = [[WEB_SOCKET_TUNNEL, true]];
        return terms.open(this.dial(url, terms), { attributes });
      },
      signal: terms.signal,
      clock: terms.clock,
      logger: terms.logger,
    });
  }

  /** @internal Tries both ways, the preferred way first. */
  async tryWays<C>(url: string | URL, ways: Ways<C>): Promise<C> {
    const { signal, clock = systemClock } = ways;
    const byWebSocket = async (): Promise<C> => {
      const channel = await ways.webSocket(this.options.webSocketTimeoutMs, (hasCarried) => {
        const key = keyOf(url);
        if (hasCarried) this.empty.delete(key);
        else this.empty.set(key, this.emptyOf(key) + 1);
      });
      this.forget(url);
      return channel;
    };
    const byTunnel = async (): Promise<C> => {
      const channel = await ways.tunnel();
      this.remember(url, clock);
      ways.logger?.log('info', `the WebSocket to ${shownUrl(httpUrl(url))} uses HTTP requests`);
      return channel;
    };
    const isTunnelFirst = this.isPreferred(url, clock);
    const errors: Error[] = [];
    for (const way of isTunnelFirst ? [byTunnel, byWebSocket] : [byWebSocket, byTunnel]) {
      try {
        return await way();
      } catch (error) {
        const failure = toError(error);
        signal?.throwIfAborted();
        if (failure instanceof OptionError) throw failure;
        errors.push(failure);
      }
    }
    const [first, second] = errors as [Error, Error];
    const both = isTunnelFirst ? [second, first] : [first, second];
    throw failureOf(tellingOf(second, first), both as [Error, Error]);
  }

  private emptyOf(key: string): number {
    return this.empty.get(key) ?? 0;
  }

  private remember(url: string | URL, clock: Clock): void {
    const key = keyOf(url);
    const until = clock.timeOfDay() + this.options.webSocketAgainMs;
    this.preferred.set(key, until);
    // After the period, one more WebSocket is tried.
    this.empty.set(key, Math.min(this.emptyOf(key), MAX_EMPTY - 1));
    stored((store) => store.setItem(STORED + key, String(until)));
  }

  private forget(url: string | URL): void {
    const key = keyOf(url);
    this.preferred.delete(key);
    stored((store) => store.removeItem(STORED + key));
  }

  /** Creates a transport that connects and carries a WebSocket over HTTP requests. */
  private dial(address: string | URL, terms: TunnelTerms): FrameTransport {
    const url = httpUrl(address);
    const { clock = systemClock, origin, subprotocols, limits } = terms;
    const headers = { ...terms.headers, ...credentialsOf(url), ...(origin && { Origin: origin }) };
    url.username = url.password = '';
    const requests = new TunnelEnd({
      clock,
      url: url.href,
      headers,
      subprotocols,
      answerTimeoutMs: this.options.answerTimeoutMs,
      fetch: globalThis.fetch as unknown as Fetch,
    });
    const transport = MemoryTransport.over(clock, requests, () => requests.dial());
    const frames = new FrameTransport(limits, () => {
      const carrier = new FrameCarrier(frames, () =>
        frames.opened({ deflate: undefined, subprotocol: requests.subprotocol }),
      );
      // The WebSocket limits its output and reports the errors of the channel below.
      connectChannel(transport, {
        clock,
        logger: silentLogger,
        connectTimeoutMs: false,
        maxOutboundBytes: Number.POSITIVE_INFINITY,
        outboundStallMs: false,
        initialize: ({ pipeline }) => void pipeline.addLast(carrier),
      }).catch((error: unknown) => frames.refuse(toError(error)));
    });
    return frames;
  }
}

/** Notices the first message, and leaves the pipeline. */
class FirstInput implements Handler {
  hasCome = false;

  channelRead(ctx: Context, message: unknown): void {
    this.hasCome = true;
    ctx.fireChannelRead(message);
    if (!ctx.isRemoved) ctx.pipeline.remove(this);
  }
}

function tlsOfTunnel(): OptionError {
  const text =
    'tls cannot be used with httpTunnel, which goes by fetch: trust an authority by NODE_EXTRA_CA_CERTS';
  return new OptionError('OPTION_CONFLICT', text, { option: 'tls' });
}

/** Returns the name of a place. A query or a user can hold a secret, and can be another one for each connect. */
function keyOf(url: string | URL): string {
  const { origin, pathname } = httpUrl(url);
  return origin + pathname;
}

/** Uses the page's store. A store that is full or forbidden is ignored, and the preference is kept in memory only. */
function stored<T>(use: (store: WayStore) => T): T | undefined {
  try {
    return wayStore && use(wayStore);
  } catch {
    return undefined;
  }
}

/** Returns the error that the user can act on. */
function tellingOf(error: Error, before: Error): Error {
  const isOfTunnel = (one: Error): boolean =>
    isHeadraceError(one, WEB_SOCKET_ERRORS.TUNNEL_BUFFERED) ||
    isHeadraceError(one, WEB_SOCKET_ERRORS.TUNNEL_ELSEWHERE);
  return isOfTunnel(error) ? error : before;
}

/** Creates the error for the failure of both ways, with the code of the given failure. */
function failureOf(telling: Error, errors: readonly [webSocket: Error, tunnel: Error]): Error {
  const [webSocket, tunnel] = errors;
  const text = `no WebSocket (${webSocket.message}), and no tunnel (${tunnel.message})`;
  const cause = new AggregateError(errors);
  const Type = [ChannelError, TimedOutError].find((type) => telling instanceof type);
  if (Type === undefined) {
    return Object.assign(new Error(text, { cause }), { code: Reflect.get(telling, 'code') });
  }
  const { code, help, details } = telling as ChannelError;
  return Object.assign(new Type(code as never, text, details, cause), { code, help });
}

/** Converts the URL of a WebSocket, which can be relative to the page, to an `http:` or `https:` URL. */
function httpUrl(address: string | URL): URL {
  const url = urlOf(address);
  if (url !== undefined) {
    url.protocol = url.protocol.replace(/^ws(?=s?:)/, 'http');
    if (/^https?:$/.test(url.protocol) && url.hash === '') return url;
  }
  const text = `${shownUrl(address)} is not a URL that messages could go to over HTTP: it must begin with ws: or wss:`;
  throw new OptionError('OPTION_INVALID', text, { option: 'url', value: shownUrl(address) });
}
