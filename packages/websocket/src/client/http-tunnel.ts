import {
  ChannelError,
  type Clock,
  connectChannel,
  isHeadraceError,
  type Logger,
  OptionError,
  silentLogger,
  systemClock,
  TimedOutError,
} from '@headrace/core';
import { credentialsOf, describeOptions, shownUrl, time, toError } from '@headrace/core/authoring';
import { FrameTransport } from '../socket/frame-transport.ts';
import type { ReadLimits } from '../socket/message-limits.ts';
import { FrameCarrier } from '../tunnel/frame-carrier.ts';
import { WEB_SOCKET_ERRORS } from '../web-socket-errors.ts';
import { type Fetch, TunnelTransport } from './tunnel-transport.ts';
import { type WayStore, wayStore } from './way-store.ts';

/** Options of an {@link HttpTunnel}. */
export interface HttpTunnelOptions {
  /** How long the WebSocket is tried before the tunnel is; `false` for as long as the connect may take. @default 5000 */
  readonly webSocketTimeoutMs?: number | false;
  /** For how long the tunnel is tried first where no WebSocket came through, before the WebSocket is again; `false` for ever. @default 600000 */
  readonly webSocketAgainMs?: number | false;
  /** How long the first bytes of the server may take; a proxy that holds answers back lets none through. @default 5000 */
  readonly answerTimeoutMs?: number | false;
}

/** The parameters of a tunnel. */
export interface TunnelTerms {
  readonly clock: Clock | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly origin: string | undefined;
  readonly subprotocols: readonly string[];
  readonly limits: ReadLimits;
}

/** Opens a WebSocket: its error decides whether the other way is tried. */
export interface Ways<C> {
  readonly webSocket: (timeoutMs: number) => Promise<C>;
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

/**
 * The way of a `WebSocketBootstrap` where no WebSocket comes through, as behind some proxies: the same messages over plain
 * HTTP requests, which the server takes with its option `httpTunnel`. A WebSocket that fails before it opens is followed by
 * the tunnel; where the tunnel works it is tried first for a time, then the WebSocket again. A page remembers this in its
 * `localStorage`, a program in this object: give one to all bootstraps. The channel's attribute `WEB_SOCKET_TUNNEL` says
 * which way it has, and a line of the log when it is the tunnel.
 *
 * A session lives on one server: several behind a balancer need sticky sessions, and the connect fails with
 * `TUNNEL_ELSEWHERE` without. A proxy that holds answers back until they are whole lets no tunnel through: `TUNNEL_BUFFERED`.
 * If both ways fail, the error names both: its code is that of the one to act on, its `cause` an `AggregateError` of the
 * WebSocket's error and the tunnel's. It goes by `fetch`, so the option `tls` cannot be used with it.
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
  /** Until when the tunnel is tried first, by URL. */
  private readonly preferred = new Map<string, number>();

  constructor(options: HttpTunnelOptions = {}) {
    this.options = OPTIONS.resolve(options);
  }

  /**
   * True while the tunnel is tried before the WebSocket.
   *
   * @throws OptionError `OPTION_INVALID` for a value that is not a URL of a WebSocket
   */
  isPreferred(url: string | URL, clock: Clock = systemClock): boolean {
    const key = httpUrl(url).href;
    const until =
      this.preferred.get(key) ?? Number(stored((store) => store.getItem(STORED + key)) ?? 0);
    const left = until - clock.timeOfDay();
    // The time of the machine may have been set back.
    return left > 0 && left <= this.options.webSocketAgainMs;
  }

  /** @internal Tries both ways, first the one that is likelier. */
  async connect<C>(url: string | URL, ways: Ways<C>): Promise<C> {
    const { signal, clock = systemClock } = ways;
    const byWebSocket = async (): Promise<C> => {
      const channel = await ways.webSocket(this.options.webSocketTimeoutMs);
      this.forget(url);
      return channel;
    };
    const byTunnel = async (): Promise<C> => {
      const channel = await ways.tunnel();
      this.remember(url, clock);
      ways.logger?.log(
        'info',
        `the WebSocket to ${shownUrl(httpUrl(url))} goes over HTTP requests`,
      );
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

  private remember(url: string | URL, clock: Clock): void {
    const key = httpUrl(url).href;
    const until = clock.timeOfDay() + this.options.webSocketAgainMs;
    this.preferred.set(key, until);
    stored((store) => store.setItem(STORED + key, String(until)));
  }

  private forget(url: string | URL): void {
    const key = httpUrl(url).href;
    this.preferred.delete(key);
    stored((store) => store.removeItem(STORED + key));
  }

  /** @internal A WebSocket over requests, connecting, as a transport. */
  dial(address: string | URL, terms: TunnelTerms): FrameTransport {
    const url = httpUrl(address);
    const { clock = systemClock, origin, subprotocols, limits } = terms;
    const headers = { ...terms.headers, ...credentialsOf(url), ...(origin && { Origin: origin }) };
    url.username = url.password = '';
    const requests = new TunnelTransport({
      clock,
      url: url.href,
      headers,
      subprotocols,
      answerTimeoutMs: this.options.answerTimeoutMs,
      fetch: globalThis.fetch as unknown as Fetch,
    });
    const frames = new FrameTransport(limits, () => {
      const carrier = new FrameCarrier(frames, () =>
        frames.opened({ deflate: undefined, subprotocol: requests.subprotocol }),
      );
      // The WebSocket has the limits of the output, and reports what fails below.
      connectChannel(requests, {
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

/** Where the store is full, or forbidden, a page has it in memory alone. */
function stored<T>(use: (store: WayStore) => T): T | undefined {
  try {
    return wayStore && use(wayStore);
  } catch {
    return undefined;
  }
}

/** An error that the user can act on comes first. */
function tellingOf(error: Error, before: Error): Error {
  const isOfTunnel = (one: Error): boolean =>
    isHeadraceError(one, WEB_SOCKET_ERRORS.TUNNEL_BUFFERED) ||
    isHeadraceError(one, WEB_SOCKET_ERRORS.TUNNEL_ELSEWHERE);
  return isOfTunnel(error) ? error : before;
}

/** The failure of both ways, with the code of one. */
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

/** The URL of a WebSocket, which may be relative to the page, as one of `http:` or `https:`. */
function httpUrl(address: string | URL): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  if (URL.canParse(String(address), location?.href)) {
    const url = new URL(address, location?.href);
    url.protocol = url.protocol.replace(/^ws(?=s?:)/, 'http');
    if (/^https?:$/.test(url.protocol) && url.hash === '') return url;
  }
  const text = `${shownUrl(address)} is not a URL that messages could go to over HTTP: it must begin with ws: or wss:`;
  throw new OptionError('OPTION_INVALID', text, { option: 'url', value: shownUrl(address) });
}
