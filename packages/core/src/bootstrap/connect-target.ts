import type { LookupFunction, NetConnectOpts } from 'node:net';
import type { Clock } from '../contract/clock.ts';
import { fn } from '../option/function-option.ts';
import { optionErrorAt } from '../option/option-check.ts';
import { choice, unchecked, whole } from '../option/option-kind.ts';
import { describeOptions } from '../option/option-set.ts';
import { present } from '../option/present.ts';
import { socketHost, urlHost } from '../peer/bare-host.ts';
import type { PortNetwork } from '../transport/port-network.ts';
import {
  keepAliveSetter,
  SOCKET_OPTIONS,
  type SocketOptions,
} from '../transport/socket-options.ts';
import { connectSocket, SocketTransport } from '../transport/socket-transport.ts';
import { TlsClientContext, type TlsClientOptions } from '../transport/tls/tls-client-context.ts';
import { TlsTransport } from '../transport/tls/tls-transport.ts';
import type { Transport } from '../transport/transport.ts';
import type { MemoryTarget } from './bind-target.ts';
import { findAddresses } from './find-addresses.ts';
import { checkPath, checkPlace, type PlaceOptions } from './place.ts';

/** A port of a host in a network that is not the machine's own. */
export interface PortNetworkPlace {
  readonly network: PortNetwork;
  /** Port of the peer, from 1 to 65535. */
  readonly port: number;
  /** Name or address of the host in that network. @default localhost */
  readonly host?: string;
}

/** A transport of your own, connected or connecting. The channel opens the transport and owns it. */
export interface TransportTarget {
  readonly transport: Transport;
  /** Name of the peer in error texts. @default 'the peer of a transport' */
  readonly place?: string;
}

/** Encryption of a connection. */
export interface ClientTls {
  /** TLS from the first byte on. @default none, plain */
  readonly tls?: TlsClientOptions | TlsClientContext;
}

/**
 * Place to connect to: a port, a path (Unix socket or named pipe), a name in a network in memory, or an existing
 * transport. With TLS, every place except a port needs `tls.servername`.
 */
export type ConnectPlace = (
  | PortPlace
  | PathPlace
  | MemoryTarget
  | PortNetworkPlace
  | TransportTarget
) &
  ClientTls;

/** A TCP port of a host. */
export interface PortPlace {
  /** Port of the peer, from 1 to 65535. */
  readonly port: number;
  /** Name or address of the host. @default localhost */
  readonly host?: string;
  /** Address of this machine from which the connection is made. @default the system chooses */
  readonly localAddress?: string;
  /** Family of the host's addresses that are used: 4, 6, or 0 for both. @default 0 */
  readonly family?: 0 | 4 | 6;
  /**
   * Function with the parameters of Node's `dns.lookup`, which it replaces. The function finds the addresses of the
   * host.
   */
  readonly lookup?: LookupFunction;
}

/** A Unix socket or a named pipe. */
export interface PathPlace {
  /** Path of the socket file, or name of the pipe. */
  readonly path: string;
}

const PORT = whole({ min: 1, max: 65_535, required: true });
const PLACES: PlaceOptions = {
  port: describeOptions('connect', {
    port: PORT,
    host: unchecked(),
    localAddress: unchecked(),
    family: choice([0, 4, 6]),
    lookup: fn({ answers: 'async', purpose: 'has the parameters of dns.lookup' }),
    tls: unchecked(),
  }),
  path: describeOptions('connect', { path: unchecked(), tls: unchecked() }),
  network: describeOptions('connect', {
    network: unchecked(),
    name: unchecked(),
    tls: unchecked(),
  }),
  portNetwork: describeOptions('connect', {
    network: unchecked(),
    port: PORT,
    host: unchecked(),
    tls: unchecked(),
  }),
  transport: describeOptions('connect', {
    transport: unchecked(),
    place: unchecked(),
    tls: unchecked(),
  }),
};

/** Options of a client's socket. */
export interface ConnectSocketOptions extends SocketOptions {
  /**
   * Maximum duration of a connect to one address of a host, in milliseconds. After this time, the connect is given up
   * and the next address is tried. Node's own limit of 250 ms is too short for slow routes.
   * @default 2500
   * @see https://github.com/nodejs/node/issues/54359
   */
  readonly familyAttemptMs?: number;
}

/** Options of a client's socket beside {@link SOCKET_OPTIONS}. */
export const CONNECT_SOCKET_OPTIONS = describeOptions('ConnectSocketOptions', {
  // Node accepts no shorter time.
  familyAttemptMs: whole({ min: 10, max: 2 ** 31 - 1, default: 2500 }),
});

/**
 * Checks that a place can be connected to.
 *
 * @throws OptionError `OPTION_INVALID` if it cannot
 */
export function checkConnectPlace(place: ConnectPlace): void {
  checkPlace('connect', place, PLACES);
  const given = present(place);
  if ('path' in given) checkPath(given.path);
}

/**
 * Checks each place of a list. The error names the option and the index, as in `addresses[0]`.
 *
 * @throws OptionError if a place cannot be connected to
 */
export function checkConnectPlaces(option: string, places: readonly ConnectPlace[]): void {
  for (const [i, place] of places.entries()) {
    try {
      checkConnectPlace(place);
    } catch (thrown) {
      throw optionErrorAt(`${option}[${i}]`, thrown);
    }
  }
}

/** Returns a transport that connects to the place when the transport is opened. */
export function connectorFor(
  place: ConnectPlace,
  options: ConnectSocketOptions,
  clock: Clock,
): Transport {
  const { tls, ...where } = place;
  if (tls === undefined) return plainConnectorFor(where, options, clock, false);
  const host = 'port' in place ? (place.host ?? 'localhost') : undefined;
  const side = TlsClientContext.of(tls, host);
  return new TlsTransport(plainConnectorFor(where, options, clock, true), side, clock);
}

function plainConnectorFor(
  where: ConnectPlace,
  options: ConnectSocketOptions,
  clock: Clock,
  isEncrypted: boolean,
): Transport {
  if ('transport' in where) return where.transport;
  const settings = SOCKET_OPTIONS.part(options);
  const { noDelay, ...keepAlive } = settings;
  if ('network' in where) {
    if ('name' in where) return where.network.connect(where.name, clock);
    const { network, host = 'localhost', port } = where;
    return network.connectTo(socketHost(host), port, keepAlive);
  }
  const setKeepAlive = 'port' in where ? keepAliveSetter(settings) : undefined;
  const socketOptions = {
    ...where,
    ...('port' in where && socketHosts(where)),
    ...('lookup' in where && where.lookup && { lookup: guarded(where.lookup) }),
    noDelay,
    keepAlive: settings.keepAlive,
    keepAliveInitialDelay: settings.keepAliveInitialDelayMs,
    autoSelectFamilyAttemptTimeout: CONNECT_SOCKET_OPTIONS.part(options).familyAttemptMs,
  } as NetConnectOpts;
  // The encrypted socket on top reads from the handle itself.
  return isEncrypted
    ? SocketTransport.of(connectSocket(socketOptions, setKeepAlive))
    : SocketTransport.connecting(socketOptions, setKeepAlive);
}

/** Returns the hosts of a place as Node's sockets take them. */
function socketHosts({ host, localAddress }: PortPlace): Partial<PortPlace> {
  return {
    ...(typeof host === 'string' && { host: socketHost(host) }),
    ...(typeof localAddress === 'string' && { localAddress: socketHost(localAddress) }),
  };
}

/** Makes a failure of `lookup`, and an answer without an address, a failure of the connect. */
function guarded(lookup: LookupFunction): LookupFunction {
  return (host, options, done) =>
    findAddresses(lookup, host, options, (error, found) => {
      if (error !== null) done(error, '');
      else if (options.all === true) done(null, found);
      else done(null, found[0]!.address, found[0]!.family);
    });
}

/** Returns the place as text, for error messages. */
export function placeText(place: ConnectPlace): string {
  const given = present(place);
  if ('transport' in given) return given.place ?? 'the peer of a transport';
  if ('name' in given) return `the name "${given.name}"`;
  return 'path' in given
    ? given.path
    : `${urlHost(String(given.host ?? 'localhost'))}:${given.port}`;
}
