import type { NetConnectOpts } from 'node:net';
import type { Clock } from '../contract.ts';
import { checkNumber } from '../internal/option-check.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { TlsClientContext, type TlsClientOptions } from '../transport/tls-client-context.ts';
import type { Transport } from '../transport/transport.ts';
import type { MemoryTarget } from './bind-target.ts';
import { checkPath, checkPlace } from './place.ts';

/** Encryption of what a socket carries. */
export interface ClientTls {
  /** TLS from the first byte on. @default none, plain */
  readonly tls?: TlsClientOptions | TlsClientContext;
}

/** Where to connect to: a port, a path (Unix socket, named pipe), or a name in a network in memory. */
export type ConnectPlace =
  | ({
      readonly port: number;
      /** @default localhost */
      readonly host?: string;
      readonly localAddress?: string;
    } & ClientTls)
  | ({ readonly path: string } & ClientTls)
  | MemoryTarget;

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
  if ('network' in place) return place.network.connect(place.name, clock);
  const { tls, ...where } = place;
  const socketOptions = {
    ...where,
    noDelay: options.noDelay ?? true,
    keepAlive: options.keepAlive ?? true,
    keepAliveInitialDelay: options.keepAliveInitialDelayMs ?? 0,
  } as NetConnectOpts;
  if (tls === undefined) return SocketTransport.connecting(socketOptions);
  const host = 'port' in place ? (place.host ?? 'localhost') : undefined;
  return SocketTransport.connectingSecure(socketOptions, TlsClientContext.of(tls, host), clock);
}

/** The place as text, for errors. */
export function placeText(place: ConnectPlace): string {
  if ('network' in place) return `the name "${place.name}"`;
  return 'path' in place ? place.path : `${place.host ?? 'localhost'}:${place.port}`;
}
