import { chmodSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Address } from '../../contract.ts';
import { toError } from '../../errors.ts';
import { AcceptQueue } from '../accept-queue.ts';
import type { AcceptedOptions, ListenTarget } from '../listen-target.ts';
import type { Listener, ListenerSink, TransportWay } from '../listener.ts';
import { addressOf } from '../socket-address.ts';
import { StaleSocketFile } from '../stale-socket.ts';
import type { BunApi, BunListenOptions, BunServer, BunSocket } from './bun-api.ts';
import { BUN_HANDLERS, BunTransport } from './bun-transport.ts';

const ALL_ADDRESSES = '::';
const ALL_IPV4_ADDRESSES = '0.0.0.0';
const READABLE_BY_ALL = 0o444;
const WRITABLE_BY_ALL = 0o222;

/** A listening socket of `Bun.listen`. Bun decides itself how many connections the system keeps. */
export class BunListener implements Listener {
  readonly way: TransportWay;
  private readonly api: BunApi;
  private readonly target: ListenTarget;
  private readonly options: AcceptedOptions;
  private readonly queue = new AcceptQueue();
  private server: BunServer | undefined = undefined;
  private sink: ListenerSink | undefined = undefined;
  private local: Address | undefined = undefined;
  private isClosed = false;
  private readonly staleFile: StaleSocketFile;

  constructor(api: BunApi, target: ListenTarget, options: AcceptedOptions, why: string) {
    this.api = api;
    this.target = target;
    this.staleFile = new StaleSocketFile(target);
    this.options = options;
    this.way = { kind: 'bun', why };
  }

  get isActive(): boolean {
    return this.server !== undefined && !this.isClosed;
  }

  get localAddress(): Address | undefined {
    return this.local;
  }

  open(sink: ListenerSink): void {
    this.sink = sink;
    this.listen();
  }

  requestAccept(): void {
    this.queue.requestAccept();
  }

  pauseAccepting(): void {
    this.queue.pauseAccepting();
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.queue.close();
    this.server?.stop(false);
    process.nextTick(() => this.sink?.closed());
  }

  private listen(): void {
    try {
      const server = this.listenOn(this.target);
      this.server = server;
      this.local = addressOfServer(server, this.target);
      this.queue.open(this.sink!);
      process.nextTick(() => {
        if (!this.isClosed) this.sink?.listening();
      });
    } catch (thrown) {
      process.nextTick(() => this.failed(toError(thrown)));
    }
  }

  private listenOn(target: ListenTarget): BunServer {
    if ('path' in target) return this.listenOnPath(target);
    const { port, host, exclusive = false, ipv6Only = false, reusePort = false } = target;
    // Bun takes exclusive for a port that nobody else may have.
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
    if (this.queue.isShort(socket.fd)) {
      socket.terminate();
      return;
    }
    const { noDelay, keepAlive, keepAliveInitialDelayMs } = this.options;
    try {
      if ('port' in this.target) {
        if (noDelay) socket.setNoDelay(true);
        if (keepAlive) socket.setKeepAlive(true, keepAliveInitialDelayMs);
      }
      this.queue.add(new BunTransport(socket, true));
    } catch (thrown) {
      socket.terminate();
      this.sink?.caught(toError(thrown));
    }
  }

  private failed(error: Error): void {
    if (this.isClosed || this.triesAgain(error)) return;
    this.sink?.failed(error);
  }

  private triesAgain(error: Error): boolean {
    return this.staleFile.isInTheWay(error, (isRemoved) => {
      if (this.isClosed) return;
      if (isRemoved) this.listen();
      else this.sink?.failed(error);
    });
  }
}

/** Each member of a union without what is the same for all. */
type PlaceOf<Options> = Options extends unknown
  ? Omit<Options, 'allowHalfOpen' | 'pauseOnConnect' | 'socket'>
  : never;

function isWithoutIpv6(thrown: unknown): boolean {
  const { code } = toError(thrown) as NodeJS.ErrnoException;
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' || code === 'EINVAL';
}

/** Bun's error for a host whose name is unknown has no code. */
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
