import net from 'node:net';
import {
  type Channel,
  ChannelError,
  type ClientTls,
  type ConnectPlace,
  type PortPlace,
  SocketTransport,
} from '@headrace/core';
import {
  attempted,
  checkConnectPlace,
  describeOptions,
  onAbort,
  placeText,
  socketHost,
  toError,
  unchecked,
} from '@headrace/core/authoring';
import type { Connector } from '../address/connector.ts';
import { namedTls } from '../address/named-tls.ts';
import { closeLate, connectTimedOut } from '../retry/late-connection.ts';
import { httpTunnel } from './http-tunnel.ts';
import {
  PROXY_OPTIONS,
  type ProxyConnectorOptions,
  type ProxySettings,
  type ProxyTarget,
} from './proxy-options.ts';
import { socksTunnel } from './socks-tunnel.ts';

const PLACE = describeOptions('connect through a proxy', {
  host: unchecked(),
  port: unchecked(),
  tls: unchecked(),
});

/**
 * A connector that replaces the `Bootstrap` of a client, and connects through a proxy: HTTP CONNECT or SOCKS5. The proxy resolves
 * host names. TLS is between the client and the server, through the proxy. A client that is moved to another place still uses the
 * proxy.
 *
 * @example
 * ```ts check
 * import { ProxyConnector, ReconnectingClient } from '@headrace/client';
 * import { Bootstrap } from '@headrace/core';
 *
 * const client = new ReconnectingClient({
 *   bootstrap: new ProxyConnector({
 *     bootstrap: new Bootstrap().handler(() => {}),
 *     protocol: 'http',
 *     host: 'proxy.example',
 *     port: 3128,
 *   }),
 *   addresses: [{ host: 'chat.example', port: 18888, tls: {} }],
 * });
 * ```
 * @see Netty's `HttpProxyHandler` and `Socks5ProxyHandler`
 */
export class ProxyConnector<C extends Channel = Channel>
  implements Connector<PortPlace & ClientTls, C>
{
  readonly findsNames: boolean = true;
  private readonly settings: ProxySettings;
  private readonly bootstrap: Connector<ConnectPlace, C>;

  /** @throws OptionError if an option is not valid */
  constructor(options: ProxyConnectorOptions<C>) {
    this.settings = PROXY_OPTIONS.resolve(options as object as ProxyConnectorOptions);
    this.bootstrap = options.bootstrap;
  }

  /**
   * Connects and resolves with the active channel. Rejects with `CHANNEL_REFUSED` if the proxy refuses, and with
   * `TIMEOUT_CONNECT` after the time-out.
   *
   * @throws OptionError for a place with members other than host, port and TLS
   */
  async connect(
    place: PortPlace & ClientTls,
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<C> {
    PLACE.checkNames(place);
    checkConnectPlace(place);
    signal.throwIfAborted();
    const { host = 'localhost', port, tls } = place;
    const socket = await this.tunnel({ host: socketHost(host), port }, signal);
    const through = { transport: SocketTransport.of(socket), place: placeText(place) };
    const secured = tls && { tls: namedTls(tls, host)! };
    try {
      return await attempted(
        (cancel) => this.bootstrap.connect({ ...through, ...secured }, { signal: cancel }),
        { signal },
        closeLate,
      );
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  private tunnel(target: ProxyTarget, signal: AbortSignal): Promise<net.Socket> {
    const { settings } = this;
    const { clock, timeoutMs, host, port } = settings;
    const where = `${placeText(target)} through the proxy ${placeText({ host, port })}`;
    return attempted(
      (cancel) => openTunnel(settings, target, cancel),
      { signal, limit: { clock, timeoutMs, error: () => connectTimedOut(where, timeoutMs) } },
      (late) => late.destroy(),
    );
  }
}

async function openTunnel(
  settings: ProxySettings,
  target: ProxyTarget,
  signal: AbortSignal,
): Promise<net.Socket> {
  const { protocol, host, port } = settings;
  const socket = net.connect({ host: socketHost(host), port, noDelay: true, keepAlive: true });
  const stopListening = onAbort(signal, () => socket.destroy(toError(signal.reason)));
  try {
    await connected(socket, placeText({ host, port }));
    return await (protocol === 'http' ? httpTunnel : socksTunnel)(settings, target, socket);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    stopListening();
  }
}

function connected(socket: net.Socket, proxy: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve());
    // The listener stays. Later errors end the tunnel, and must not become uncaught exceptions.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'ECONNREFUSED' ? 'CHANNEL_REFUSED' : 'CHANNEL_FAILED';
      const why = `no connection to the proxy ${proxy}: ${error.message}`;
      reject(new ChannelError(code, why, { code: error.code }, error));
    });
  });
}
