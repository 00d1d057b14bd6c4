import type { IncomingMessage } from 'node:http';

/** The part of a request that these functions read. */
export type RequestHeaders = Pick<IncomingMessage, 'headers'>;

const SCHEME = /^bearer +/i;
const SUBPROTOCOL = 'bearer.';
const TOKEN = /^[\w.~+/-]+=*$/;

/**
 * The bearer token of a request for a WebSocket, for `authorize`: of the header `Authorization: Bearer TOKEN`, which programs
 * send, or of a subprotocol `bearer.TOKEN`, which a page offers beside a real one, since browsers send no such header:
 * `new WebSocket(url, ['chat', 'bearer.' + token])`. The endpoint answers with a name of its option `subprotocols` alone,
 * never with the token.
 *
 * @returns `undefined` for none, for one that has other characters than tokens have, for two subprotocols with one, and
 * where `Authorization` has another scheme. Of two headers `Authorization` Node keeps the first
 * @see RFC 6750, section 2.1; RFC 6455, section 4.1
 */
export function bearerOf({ headers }: RequestHeaders): string | undefined {
  const { authorization } = headers;
  if (authorization !== undefined) {
    return SCHEME.test(authorization) ? tokenOf(authorization.replace(SCHEME, '')) : undefined;
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map(withoutSpace);
  const [name, ...more] = offered.filter((one) => one.startsWith(SUBPROTOCOL));
  if (name === undefined || more.length > 0) return undefined;
  return tokenOf(name.slice(SUBPROTOCOL.length));
}

function tokenOf(text: string): string | undefined {
  const token = withoutSpace(text);
  return TOKEN.test(token) ? token : undefined;
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
    if (at < 0 || withoutSpace(pair.slice(0, at)) !== name) continue;
    if (found !== undefined) return undefined;
    found = withoutSpace(pair.slice(at + 1));
  }
  return found === undefined ? undefined : decoded(found);
}

/** `trim` takes other spaces away, too, and so makes `__Host-sid` of a name that browsers let any host of the site set. */
function withoutSpace(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isSpace(text[from])) from += 1;
  while (to > from && isSpace(text[to - 1])) to -= 1;
  return text.slice(from, to);
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

function decoded(value: string): string | undefined {
  const bare = value.length > 1 && value.startsWith('"') && value.endsWith('"');
  try {
    return decodeURIComponent(bare ? value.slice(1, -1) : value);
  } catch {
    return undefined;
  }
}
