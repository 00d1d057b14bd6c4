import { ChannelError, EncodeError, type HeadraceError, isHeadraceError } from '@headrace/core';
import { bindFailure, urlHost } from '@headrace/core/authoring';
import { DATAGRAM_ERRORS } from '../datagram-errors.ts';

const UNREACHABLE = new Set([
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'EADDRNOTAVAIL',
]);

/** The advice for an error code of the system. */
const CURES: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up now',
  EACCES: 'the system forbids it: for a broadcast address set broadcast: true',
  EPERM: 'a firewall of this machine forbids it',
  EINVAL: 'the address cannot be sent to, or its port is 0',
};

/** Returns the framework's error for the system's error of one datagram. The socket stays open. */
export function datagramError(error: Error, toHost?: string, toPort?: number): HeadraceError {
  if (isHeadraceError(error)) return error;
  // Node's errors contain the address.
  const known = error as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
  };
  const { code = 'unknown', address: host = toHost, port = toPort } = known;
  const to = host === undefined ? 'the peer' : `${urlHost(host)}:${port}`;
  const details = {
    code,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
  };
  if (code === 'EMSGSIZE') {
    const text = `a datagram to ${to} is longer than the system sends in one (${code}): 65507 bytes at most, over IPv6 65527`;
    return new EncodeError('MESSAGE_TOO_LONG', text, details, error);
  }
  if (code === 'ECONNREFUSED') {
    const text = `nobody listens at ${to}, as its machine answered an earlier datagram (${code})`;
    return new ChannelError(DATAGRAM_ERRORS.DATAGRAM_REFUSED, text, details, error);
  }
  if (UNREACHABLE.has(code)) {
    const text = `there is no route to ${to} (${code})`;
    return new ChannelError(DATAGRAM_ERRORS.DATAGRAM_UNREACHABLE, text, details, error);
  }
  const text = `a datagram to ${to} was not sent: ${CURES[code] ?? error.message} (${code})`;
  return new ChannelError(DATAGRAM_ERRORS.DATAGRAM_NOT_SENT, text, details, error);
}

const BIND_CURES: Readonly<Record<string, string>> = {
  EADDRINUSE:
    'another socket uses it already; several processes share a port only with reusePort, on Node 22.12 or newer',
};

/** Returns the error of a socket that cannot be bound. */
export function bindError(error: Error, host: string | undefined, port: number): HeadraceError {
  if (isHeadraceError(error)) return error;
  return bindFailure({ name: `${host ?? 'all addresses'}, port ${port}`, why: BIND_CURES }, error);
}
