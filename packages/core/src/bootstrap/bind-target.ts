import type { Clock } from '../contract/clock.ts';
import { OptionError } from '../errors.ts';
import { choice, unchecked, whole } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { present } from '../option/present.ts';
import { socketHost } from '../peer/bare-host.ts';
import { chooseSockets, type Listen, publicSockets } from '../transport/choose-sockets.ts';
import type { ListenTarget } from '../transport/listen-target.ts';
import type { Listener, WantedTransport } from '../transport/listener.ts';
import type { MemoryNetwork } from '../transport/memory-network.ts';
import { nativeRefused } from '../transport/native-sockets.ts';
import type { PortNetwork } from '../transport/port-network.ts';
import { SOCKET_OPTIONS, type SocketOptions } from '../transport/socket-options.ts';
import { TlsServerContext, type TlsServerOptions } from '../transport/tls/tls-server-context.ts';
import { bindFailure } from './bind-failure.ts';
import { checkPath, checkPlace, type PlaceOptions } from './place.ts';

/** A name in a network within this process. */
export interface MemoryTarget {
  readonly network: MemoryNetwork;
  readonly name: string;
}

/** A port of a host in a network that is not the machine's own. */
export interface PortNetworkTarget {
  readonly network: PortNetwork;
  /** Port to listen on. With 0 the network chooses a free port. */
  readonly port: number;
  /** Maximum number of connections that wait to be accepted. @default the network's */
  readonly backlog?: number;
}

/** A listener of your own. The server opens the listener and owns it. */
export interface ListenerTarget {
  readonly listener: Listener;
}

/** Encryption of connections. */
export interface ServerTls {
  /** TLS from the first byte on. Several servers can share a context. @default none, plain */
  readonly tls?: TlsServerOptions | TlsServerContext;
}

/** The kind of the accepted connections. */
export interface AcceptedTransport {
  /**
   * Kind of the accepted connections. `socket` is a `net.Socket`, and uses only Node's public API. `handle` is Node's
   * own TCP or pipe object below `net.Socket`, which costs less memory and CPU. `bun` is a socket of `Bun.listen`,
   * without a stream on top. `bind` rejects with an `OptionError` if `handle` or `bun` is not available. `auto` is
   * `handle` on the tested versions of Node and `bun` on Bun, both after a self-check, and `socket` elsewhere. See
   * `server.transportKind`. Bun's own sockets do not support `tls`. With `tls`, `bun` is refused, and `auto` is
   * `socket` on Bun.
   * @default 'auto'
   */
  readonly transport?: WantedTransport;
}

/** Place to listen on, and settings of the listener. */
export type BindTarget = (
  | (ListenTarget & AcceptedTransport)
  | MemoryTarget
  | PortNetworkTarget
  | ListenerTarget
) &
  ServerTls;

const PORT = whole({ max: 65_535, required: true });
const TLS_AND_SIGNAL = { tls: unchecked(), signal: unchecked() };
const TRANSPORT = { transport: choice(['auto', 'handle', 'socket', 'bun']) };
const PLACES: PlaceOptions = {
  port: describeOptions('bind', {
    port: PORT,
    host: unchecked(),
    backlog: unchecked(),
    ipv6Only: unchecked(),
    exclusive: unchecked(),
    reusePort: unchecked(),
    ...TRANSPORT,
    ...TLS_AND_SIGNAL,
  }),
  path: describeOptions('bind', {
    path: unchecked(),
    backlog: unchecked(),
    exclusive: unchecked(),
    replaceStale: unchecked(),
    readableAll: unchecked(),
    writableAll: unchecked(),
    ...TRANSPORT,
    ...TLS_AND_SIGNAL,
  }),
  network: describeOptions('bind', { network: unchecked(), name: unchecked(), ...TLS_AND_SIGNAL }),
  portNetwork: describeOptions('bind', {
    network: unchecked(),
    port: PORT,
    backlog: unchecked(),
    ...TLS_AND_SIGNAL,
  }),
  listener: describeOptions('bind', { listener: unchecked(), ...TLS_AND_SIGNAL }),
};

export function checkBindTarget(given: BindTarget): void {
  checkPlace('bind', given, PLACES);
  const target = present(given);
  if ('path' in target) checkPath(target.path);
  if ('transport' in target) checkTransport(target);
  if ('reusePort' in target && target.reusePort === true) checkReusePort(process.versions.node);
}

/** Throws an `OptionError` if Node ignores `reusePort`. The second bind would then fail with EADDRINUSE. */
export function checkReusePort(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return;
  throw new OptionError(
    'OPTION_INVALID',
    `reusePort needs Node 22.12 or 23.1 or newer, but this is ${version}`,
    { option: 'reusePort', version },
  );
}

function checkTransport({ transport, tls }: AcceptedTransport & ServerTls): void {
  if (tls === undefined) return;
  if (transport === 'bun') throw nativeRefused(transport, NOT_WITH_TLS);
}

const IS_BUN = process.versions['bun'] !== undefined;
const NOT_WITH_TLS = "TLS needs Node's sockets";

/** Returns the TLS context of a target. Throws an `OptionError` for a bad certificate. */
export function serverTlsOf(target: BindTarget): TlsServerContext | undefined {
  return target.tls === undefined ? undefined : TlsServerContext.of(target.tls);
}

/** Chooses how sockets are accepted. Returns `undefined` if the choice needs no checks. */
export function socketsFor(target: BindTarget): Promise<Listen> | undefined {
  if ('listener' in target || 'network' in target) return undefined;
  checkPermission(target);
  const { tls, transport = 'auto' } = target;
  if (tls !== undefined && IS_BUN && transport !== 'handle') return undefined;
  return chooseSockets(transport);
}

export function listenerFor(
  target: BindTarget,
  accepted: SocketOptions,
  clock: Clock,
  listen: Listen | undefined,
): Listener {
  if ('listener' in target) return target.listener;
  const options = SOCKET_OPTIONS.part(accepted);
  if ('network' in target) {
    if ('name' in target) return target.network.listen(target.name, clock);
    const { noDelay: _, ...keepAlive } = options;
    return target.network.listenOn(target.port, keepAlive, target.backlog);
  }
  const { tls: _tls, transport: _transport, ...where } = target;
  const place =
    'host' in where && typeof where.host === 'string'
      ? { ...where, host: socketHost(where.host) }
      : where;
  return (listen ?? publicSockets(NOT_WITH_TLS))(place, options);
}

/**
 * Throws if Node's permission model forbids the network. Otherwise Node throws where no handler can catch the error.
 */
function checkPermission(target: BindTarget): void {
  const { permission } = process;
  const isKnown = process.allowedNodeEnvironmentFlags.has('--allow-net');
  if (permission === undefined || !isKnown || permission.has('net')) return;
  const error = new Error('Access to this API has been restricted');
  throw bindError(target, Object.assign(error, { code: 'ERR_ACCESS_DENIED', permission: 'Net' }));
}

export function bindError(target: BindTarget, error: Error): Error {
  const path = 'path' in target ? target.path : undefined;
  return bindFailure({ name: placeOf(target), path }, error);
}

function placeOf(target: BindTarget): string {
  if ('listener' in target) return 'a listener of its own';
  if ('network' in target) {
    return 'name' in target ? `the name "${target.name}"` : `port ${target.port} of a network`;
  }
  return 'path' in target ? target.path : `${target.host ?? 'all addresses'}, port ${target.port}`;
}
