import { ChannelError, type ClientTls } from '@headrace/core';
import { textOf, urlHost, urlOf } from '@headrace/core/authoring';
import { CLIENT_ERRORS } from '../client-errors.ts';
import { namedTls } from './named-tls.ts';

/** The members of a place that this function reads. */
interface AnyPlace {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly tls?: ClientTls['tls'];
}

const SECURE = /^(wss|https):$/;

/**
 * Returns a place that a server or a route named, with settings of the place in use: TLS, checked name, network and proxy. The
 * checked name is the name that the certificate must be valid for. A message that sends a client to another place can therefore
 * neither switch encryption off nor choose the checked name. A URL, and a place with its own `tls`, keep their settings, because
 * only the application can write them.
 *
 * @throws ChannelError `PLACE_REFUSED` for a path after a host, for a plain URL after an encrypted one, and for another host
 * after an encrypted URL, whose host is the checked name
 */
export function movedPlace<P>(inUse: unknown, named: P): P {
  if (inUse === undefined || inUse === null) return named;
  if (typeof inUse === 'string' || inUse instanceof URL) return movedUrl(given(inUse), named);
  if (typeof named !== 'object' || named === null || named instanceof URL) return named;
  const [from, to] = [inUse as AnyPlace, named as AnyPlace];
  const isToPath = to.path !== undefined;
  if (isToPath && from.port !== undefined) {
    throw refused(`the path ${to.path} after the host ${from.host ?? 'localhost'}`);
  }
  const tls = to.tls ?? inherited(from);
  const isAlike = isToPath ? from.path !== undefined : to.port !== undefined && isPort(from);
  // A named place cannot choose the network, the proxy or the lookup.
  return { ...(isAlike && from), ...named, ...(tls && { tls }) };
}

function isPort({ port }: AnyPlace): boolean {
  return port !== undefined;
}

function inherited({ tls, host = 'localhost', port }: AnyPlace): AnyPlace['tls'] {
  return port === undefined ? tls : namedTls(tls, host);
}

function movedUrl<P>(inUse: URL, named: P): P {
  const { host, port, path } = (named ?? {}) as AnyPlace;
  if (path !== undefined) throw refused(`the path ${path} after ${inUse.origin}`);
  const url = typeof named === 'string' || named instanceof URL ? given(named) : undefined;
  if (url !== undefined) {
    if (SECURE.test(url.protocol) || !SECURE.test(inUse.protocol)) return named;
    throw refused(`${url.origin}, which is not encrypted, after ${inUse.origin}`);
  }
  if (host === undefined || port === undefined) throw refused(`${textOf(named)} after a URL`);
  const moved = new URL(inUse);
  // A URL ignores a host that it cannot contain, such as an address with a zone.
  const authority = `${urlHost(host)}:${port}`;
  if (!URL.canParse(`${moved.protocol}//${authority}`)) throw refused(`${authority} after a URL`);
  moved.host = authority;
  if (SECURE.test(inUse.protocol) && moved.hostname !== inUse.hostname) {
    throw refused(`${moved.origin}, another host, after ${inUse.origin}`);
  }
  return moved as P;
}

/** Returns the URL of an address, which in a page can be relative and begin with `http:`. */
function given(address: string | URL): URL {
  return urlOf(address) ?? new URL(address);
}

function refused(what: string): ChannelError {
  return new ChannelError(
    CLIENT_ERRORS.PLACE_REFUSED,
    `a client does not go to ${what}: a place that it is sent to must be as secure as the one in use`,
  );
}
