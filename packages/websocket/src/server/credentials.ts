import type { IncomingMessage } from 'node:http';

/** The part of a request that these functions read. */
export type RequestHeaders = Pick<IncomingMessage, 'headers'>;

const SCHEME = /^bearer +/i;
const SUBPROTOCOL = 'bearer.';
const TOKEN = /^[\w.~+/-]+=*$/;

/**
 * Returns the bearer token of a request for a WebSocket, for use in `authorize`. A program sends the token in the header
 * `Authorization: Bearer TOKEN`. A page cannot set this header, and offers a subprotocol `bearer.TOKEN` beside a real
 * subprotocol: `new WebSocket(url, ['chat', 'bearer.' + token])`. The endpoint answers with a name of its option `subprotocols`,
 * never with the token.
 *
 * @returns `undefined` if there is no token, if the token contains characters that are not allowed, if two subprotocols contain a
 * token, or if `Authorization` has another scheme. If a request has two `Authorization` headers, Node keeps the first
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
 * Returns the percent-decoded value of one cookie of a request, for use in `authorize`. Give a session's cookie a name that
 * begins with `__Host-`, because no other host of the site can set such a cookie.
 *
 * @returns `undefined` if the cookie is missing, if it cannot be decoded, or if two cookies have this name, because another
 * host can have set one of them
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

/**
 * Removes leading and trailing spaces and tabs. `trim` also removes other spaces, and could produce the name `__Host-sid`
 * from a name that any host of the site can set.
 */
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
