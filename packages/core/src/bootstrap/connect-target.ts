import net from 'node:net';
import type { Clock } from '../contract.ts';
import { checkNumber } from '../internal/option-check.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { TlsClientContext, type TlsClientOptions } from '../transport/tls/tls-client-context.ts';
import { TlsTransport } from '../transport/tls/tls-transport.ts';
import type { Transport } from '../transport/transport.ts';
import type { MemoryTarget } from './bind-target.ts';
import { checkPath, checkPlace } from './place.ts';

/** A transport of your own, connected or connecting. It is opened, and belongs to the channel. */
export interface TransportTarget {
  readonly transport: Transport;
  /** What error texts call the peer. @default 'the peer of a transport' */
  readonly place?: string;
}

/** Encryption of what a connection carries. */
export interface ClientTls {
  /** TLS from the first byte on. @default none, plain */
  readonly tls?: TlsClientOptions | TlsClientContext;
}

/**
 * Where to connect to: a port, a path (Unix socket, named pipe), a name in a network in memory, or a transport
 * that is there already. All but a port need `tls.servername` with TLS.
 */
export type ConnectPlace = (
  | {
      readonly port: number;
      /** @default localhost */
      readonly host?: string;
      readonly localAddress?: string;
    }
  | { readonly path: string }
  | MemoryTarget
  | TransportTarget
) &
  ClientTls;

/** Options of a client's socket; those that a path or a name does not have are passed over. */
export interface ConnectSocketOptions {
  /** No Nagle delay. @default true */
  readonly noDelay?: boolean;
  /** TCP keepalive. @default true */
  readonly keepAlive?: boolean;
  /** Idle time before the first keepalive probe. @default the system's */
  readonly keepAliveInitialDelayMs?: number;
}

/** Throws an `OptionError` for a place that cannot be connected to. */
export function checkConnectPlace(place: ConnectPlace): void {
  checkPlace('connect', place);
  if ('port' in place) checkNumber('port', place.port, { min: 1, max: 65_535, integer: true });
  if ('path' in place) checkPath(place.path);
}

/** The transport that connects there once it is opened. */
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
  if ('network' in where) return where.network.connect(where.name, clock);
  const socketOptions = {
    ...where,
    noDelay: options.noDelay ?? true,
    keepAlive: options.keepAlive ?? true,
    keepAliveInitialDelay: options.keepAliveInitialDelayMs ?? 0,
  } as net.NetConnectOpts;
  // The encrypted socket on top reads from the handle by itself.
  return isEncrypted
    ? SocketTransport.of(net.connect({ ...socketOptions, allowHalfOpen: true }))
    : SocketTransport.connecting(socketOptions);
}

/** The place as text, for errors. */
export function placeText(place: ConnectPlace): string {
  if ('transport' in place) return place.place ?? 'the peer of a transport';
  if ('network' in place) return `the name "${place.name}"`;
  return 'path' in place ? place.path : `${place.host ?? 'localhost'}:${place.port}`;
}
