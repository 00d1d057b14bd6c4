import type { IncomingMessage } from 'node:http';
import { acceptDeflate, type DeflateTerms } from '../socket/compression.ts';
import { parseSubprotocols } from '../socket/extensions.ts';
import type { AgreedTerms } from '../socket/frame-transport.ts';
import { acceptOf } from '../socket/handshake-key.ts';
import { hasBody, tokensOf } from './ignored-upgrade.ts';

/** The result of a server's handshake with one client. */
export interface Handshake extends AgreedTerms {
  /** Response that opens the WebSocket. */
  readonly answer: string;
}

/** The parameters that a server accepts. */
export interface HandshakeTerms {
  /** Supported subprotocols, in order of preference. */
  readonly subprotocols: readonly string[];
  /** `undefined` if nothing is compressed. */
  readonly deflate: DeflateTerms | undefined;
}

/** Header of the answer to a refused handshake. A client of another version can then try again (RFC 6455, section 4.4). */
export const SPOKEN_VERSIONS = 'Sec-WebSocket-Version: 13, 8';

/** Matches 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/**
 * Answers the request for a WebSocket (RFC 6455, section 4.2).
 *
 * @throws Error for a request that is not a proper handshake
 */
export function shakeHands(request: IncomingMessage, terms: HandshakeTerms): Handshake {
  const { headers, method } = request;
  const key = headers['sec-websocket-key'];
  const version = headers['sec-websocket-version'];
  if (method !== 'GET') throw new Error('Invalid HTTP method');
  if (!asksForWebSocket(request)) throw new Error('Invalid Upgrade header');
  if (hasBody(request)) throw new Error('a body where frames begin');
  if (key === undefined || !KEY.test(key)) {
    throw new Error('Missing or invalid Sec-WebSocket-Key header');
  }
  if (version !== '13' && version !== '8') {
    throw new Error('Missing or invalid Sec-WebSocket-Version header');
  }
  let answer =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n`;
  const protocol = chosenProtocol(headers['sec-websocket-protocol'], terms.subprotocols);
  if (protocol !== undefined) answer += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  const extensions = headers['sec-websocket-extensions'];
  const { deflate } = terms;
  const chosen = extensions && deflate ? acceptDeflate(extensions, deflate) : undefined;
  if (chosen) answer += `Sec-WebSocket-Extensions: ${chosen.text}\r\n`;
  return { answer: `${answer}\r\n`, subprotocol: protocol, deflate: chosen?.deflate };
}

/** Returns true if WebSocket is one of the protocols that the request offers. HTTP 1.0 has no upgrades (RFC 9110, section 7.8). */
export function asksForWebSocket({ headers, httpVersion }: IncomingMessage): boolean {
  const offered = tokensOf(headers.upgrade).map((token) => token.toLowerCase());
  return httpVersion !== '1.0' && offered.includes('websocket');
}

/** Returns the preferred subprotocol among those that the client offers. */
export function chosenProtocol(
  header: string | undefined,
  subprotocols: readonly string[],
): string | undefined {
  if (header === undefined) return undefined;
  const offered = parseSubprotocols(header);
  return subprotocols.find((name) => offered.has(name));
}
