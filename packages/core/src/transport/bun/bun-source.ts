import { chmodSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Address } from '../../contract/connection.ts';
import { toError } from '../../errors.ts';
import type { AcceptingListener, ConnectionSource } from '../accepting-listener.ts';
import type { AcceptedOptions, ListenTarget } from '../listen-target.ts';
import type { TransportChoice } from '../listener.ts';
import { addressOf } from '../socket-address.ts';
import type { BunApi, BunListenOptions, BunServer, BunSocket } from './bun-api.ts';
import { BUN_HANDLERS, BunTransport } from './bun-transport.ts';

const ALL_ADDRESSES = '::';
const ALL_IPV4_ADDRESSES = '0.0.0.0';
const READABLE_BY_ALL = 0o444;
const WRITABLE_BY_ALL = 0o222;

/** A listening socket of `Bun.listen`. Bun itself decides how many connections the system keeps. */
export class BunSource implements ConnectionSource {
  readonly way: TransportChoice;
  private readonly api: BunApi;
  private readonly target: ListenTarget;
  private readonly options: AcceptedOptions;
  private server: BunServer | undefined = undefined;
  private listener: AcceptingListener | undefined = undefined;

  constructor(api: BunApi, target: ListenTarget, options: AcceptedOptions, why: string) {
    this.api = api;
    this.target = target;
    this.options = options;
    this.way = { kind: 'bun', why };
  }

  listen(to: AcceptingListener): void {
    this.listener = to;
    try {
      const server = this.listenOn(this.target);
      this.server = server;
      const address = addressOfServer(server, this.target);
      process.nextTick(() => to.listening(address));
    } catch (thrown) {
      process.nextTick(() => to.failed(toError(thrown)));
    }
  }

  close(): void {
    this.server?.stop(false);
    process.nextTick(() => this.listener?.ended());
  }

  private listenOn(target: ListenTarget): BunServer {
    if ('path' in target) return this.listenOnPath(target);
    const { port, host, exclusive = false, ipv6Only = false, reusePort = false } = target;
    // For Bun, `exclusive` means that no other socket may use the port.
    const place = { port, exclusive: exclusive && !reusePort, ipv6Only, reusePort };
    try {
      return this.bind({ ...place, hostname: host ?? ALL_ADDRESSES });
    } catch (thrown) {
      if (host === undefined && isWithoutIpv6(thrown)) {
        return this.bind({ ...place, hostname: ALL_IPV4_ADDRESSES });
      }
      throw named(thrown, host);
    }
  }

  private listenOnPath(target: Extract<ListenTarget, { readonly path: string }>): BunServer {
    const { path, exclusive = false, readableAll = false, writableAll = false } = target;
    const server = this.bind({ unix: path, exclusive });
    const more = (readableAll ? READABLE_BY_ALL : 0) | (writableAll ? WRITABLE_BY_ALL : 0);
    if (more === 0) return server;
    try {
      chmodSync(path, statSync(path).mode | more);
      return server;
    } catch (thrown) {
      server.stop(true);
      throw thrown;
    }
  }

  private bind(place: PlaceOf<BunListenOptions<BunTransport | undefined>>): BunServer {
    return this.api.listen<BunTransport | undefined>({
      ...place,
      allowHalfOpen: true,
      pauseOnConnect: true,
      socket: { ...BUN_HANDLERS, open: (socket) => this.accepted(socket) },
    });
  }

  private accepted(socket: BunSocket<BunTransport | undefined>): void {
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = this.options;
    const adopt = () => {
      if ('port' in this.target) {
        if (noDelay) socket.setNoDelay(true);
        if (keepAlive) socket.setKeepAlive(true, keepAliveInitialDelayMs);
      }
      return new BunTransport(socket, true);
    };
    this.listener?.adopt(adopt, () => socket.terminate(), socket.fd);
  }
}

/** Each member of a union without the options that are the same for all members. */
type PlaceOf<Options> = Options extends unknown
  ? Omit<Options, 'allowHalfOpen' | 'pauseOnConnect' | 'socket'>
  : never;

function isWithoutIpv6(thrown: unknown): boolean {
  const { code } = toError(thrown) as NodeJS.ErrnoException;
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' || code === 'EINVAL';
}

/** Adds the missing code to Bun's error for an unknown host name. */
function named(thrown: unknown, host: string | undefined): Error {
  const error = toError(thrown) as NodeJS.ErrnoException;
  const isUnknown = error.code === undefined && host !== undefined && isIP(host) === 0;
  return isUnknown ? Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo' }) : error;
}

function addressOfServer(server: BunServer, target: ListenTarget): Address | undefined {
  if ('path' in target) return { path: target.path };
  const name: { address?: string; port?: number; family?: string } = {};
  server.getsockname?.(name);
  const host = name.address ?? server.hostname ?? target.host;
  return addressOf(host, name.port ?? server.port, name.family ?? familyOf(host));
}

function familyOf(host: string | undefined): string {
  return isIP(host ?? '') === 4 ? 'IPv4' : 'IPv6';
}
