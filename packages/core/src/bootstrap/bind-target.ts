import net from 'node:net';
import type { Clock } from '../contract.ts';
import { ChannelError, OptionError } from '../errors.ts';
import { checkNumber } from '../internal/option-check.ts';
import { HandleTransport } from '../transport/handle-transport.ts';
import type { Listener } from '../transport/listener.ts';
import type { MemoryNetwork } from '../transport/memory-network.ts';
import { type ListenTarget, SocketListener } from '../transport/socket-listener.ts';
import { SocketTransport } from '../transport/socket-transport.ts';
import { TlsServerContext, type TlsServerOptions } from '../transport/tls/tls-server-context.ts';
import { checkPath, checkPlace } from './place.ts';

/** A name in a network within this process. */
export interface MemoryTarget {
  readonly network: MemoryNetwork;
  readonly name: string;
}

/** A listener of your own. It is opened, and belongs to the server. */
export interface ListenerTarget {
  readonly listener: Listener;
}

/** Encryption of what a connection carries. */
export interface ServerTls {
  /** TLS from the first byte on; a context can be shared by several servers. @default none, plain */
  readonly tls?: TlsServerOptions | TlsServerContext;
}

/** Where and how to listen. */
export type BindTarget = (ListenTarget | MemoryTarget | ListenerTarget) & ServerTls;

/** Socket options of accepted connections; those that a path or a name does not have are passed over. */
export interface AcceptedSocketOptions {
  /** No Nagle delay. @default true */
  readonly noDelay?: boolean;
  /** TCP keepalive; it finds dead peers late or never, see the heartbeat handler. @default true */
  readonly keepAlive?: boolean;
  /** Idle time before the first keepalive probe. @default the system's, two hours on Linux */
  readonly keepAliveInitialDelayMs?: number;
}

/** Throws an `OptionError` for a target that cannot be listened on. */
export function checkBindTarget(target: BindTarget): void {
  checkPlace('bind', target);
  if ('port' in target) checkNumber('port', target.port, { max: 65_535, integer: true });
  if ('path' in target) checkPath(target.path);
}

/** The TLS to be spoken there; a bad certificate is an `OptionError`. */
export function serverTlsOf(target: BindTarget): TlsServerContext | undefined {
  return target.tls === undefined ? undefined : TlsServerContext.of(target.tls);
}

/**
 * What listens there.
 *
 * @param isEncrypted - TLS goes on top of each accepted connection
 */
export function listenerFor(
  target: BindTarget,
  accepted: AcceptedSocketOptions,
  clock: Clock,
  isEncrypted: boolean,
): Listener {
  if ('listener' in target) return target.listener;
  if ('network' in target) return target.network.listen(target.name, clock);
  const { tls: _tls, ...where } = target;
  const { noDelay = true, keepAlive = true, keepAliveInitialDelayMs = 0 } = accepted;
  const server = net.createServer({
    pauseOnConnect: true,
    allowHalfOpen: true,
    noDelay,
    keepAlive,
    keepAliveInitialDelay: keepAliveInitialDelayMs,
  });
  if (isEncrypted) return new SocketListener(server, where, SocketTransport.of);
  const options = { noDelay, keepAlive, keepAliveInitialDelayMs };
  return new SocketListener(server, where, SocketTransport.accepted, {
    options,
    adopt: (handle) => new HandleTransport(handle),
  });
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses it already',
  EACCES: 'this user may not use it',
  EPERM: 'this user may not use it',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host name is unknown',
  ENOENT: 'its folder does not exist',
};

/** What a failed bind rejects with. */
export function bindError(target: BindTarget, error: Error): Error {
  if (error instanceof OptionError) return error;
  const code = ((error.cause as NodeJS.ErrnoException | undefined)?.code ?? 'unknown') as string;
  const text = `cannot listen on ${placeOf(target)}: ${whyOf(target, code) ?? error.message} (${code})`;
  return new ChannelError('BIND_FAILED', text, { code }, error.cause ?? error);
}

function whyOf(target: BindTarget, code: string): string | undefined {
  if (code === 'EADDRINUSE' && 'path' in target) {
    return 'another program listens there, or one that crashed left the file behind: delete it, or pass replaceStale: true';
  }
  return WHY[code];
}

function placeOf(target: BindTarget): string {
  if ('listener' in target) return 'a listener of its own';
  if ('network' in target) return `the name "${target.name}"`;
  return 'path' in target ? target.path : `${target.host ?? 'all addresses'}, port ${target.port}`;
}
