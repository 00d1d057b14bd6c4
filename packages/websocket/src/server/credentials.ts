import type { IncomingMessage } from 'node:http';

/** The part of a request that these functions read. */
export type RequestHeaders = Pick<IncomingMessage, 'headers'>;

const SCHEME = /^bearer +([\w.~+/-]+=*) *$/i;
const SUBPROTOCOL = 'bearer.';

/**
 * The bearer token of a request for a WebSocket, for `authorize`: of the header `Authorization: Bearer TOKEN`, which programs
 * send, or of a subprotocol `bearer.TOKEN`, which a page offers beside a real one, since browsers send no such header:
 * `new WebSocket(url, ['chat', 'bearer.' + token])`. The endpoint answers with a name of its option `subprotocols` alone,
 * never with the token.
 *
 * @returns `undefined` for none, for one that has other characters than tokens have, and for two
 * @see RFC 6750, section 2.1; RFC 6455, section 4.1
 */
export function bearerOf({ headers }: RequestHeaders): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) return SCHEME.exec(authorization)?.[1];
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const [name, ...more] = offered.filter((one) => one.startsWith(SUBPROTOCOL));
  if (name === undefined || more.length > 0) return undefined;
  const token = name.slice(SUBPROTOCOL.length);
  return token === '' ? undefined : token;
}

/**
 * The value of one cookie of a request, percent-decoded, for `authorize`. Give a session's cookie a name that begins with
 * `__Host-`: no other host of the site can set it.
 *
 * @returns `undefined` for none, for one that does not decode, and for two of this name: one of them is another site's
 * @see RFC 6265, section 5.4
 */
export function cookieOf({ headers }: RequestHeaders, name: string): string | undefined {
  let found: string | undefined;
  for (const pair of (headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    if (found !== undefined) return undefined;
    found = pair.slice(at + 1).trim();
  }
  return found === undefined ? undefined : decoded(found);
}

function decoded(value: string): string | undefined {
  const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"');
  try {
    return decodeURIComponent(bare ? value.slice(1, -1) : value);
  } catch {
    return undefined;
  }
}
