import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type AgreedDeflate, agreedDeflate, type DeflateOptions } from '../socket/compression.ts';
import { extension, PerMessageDeflate, subprotocol } from '../socket/ws-library.ts';

/** What a server agreed on with one client. */
export interface Handshake {
  /** The response, which opens the WebSocket. */
  readonly answer: string;
  readonly subprotocol: string | undefined;
  readonly deflate: AgreedDeflate | undefined;
}

/** What a server takes. */
export interface HandshakeTerms {
  /** The subprotocols that we speak, best first. */
  readonly subprotocols: readonly string[];
  /** `undefined` if nothing is compressed. */
  readonly deflate: DeflateOptions | undefined;
}

/** Header of the answer to a refused handshake: a client of another version may try again (RFC 6455, section 4.4). */
export const SPOKEN_VERSIONS = 'Sec-WebSocket-Version: 13, 8';

/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;
/** What the key is hashed with (RFC 6455, section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Answers the request for a WebSocket (RFC 6455, section 4.2). The names of extensions and subprotocols are read by the
 * `ws` library, which also chooses among the offers of permessage-deflate.
 *
 * @throws Error for a request that is no proper handshake
 */
export function shakeHands(request: IncomingMessage, terms: HandshakeTerms): Handshake {
  const { headers, method } = request;
  const key = headers['sec-websocket-key'];
  const version = headers['sec-websocket-version'];
  if (method !== 'GET') throw new Error('Invalid HTTP method');
  if (headers.upgrade?.toLowerCase() !== 'websocket') throw new Error('Invalid Upgrade header');
  if (key === undefined || !KEY.test(key)) {
    throw new Error('Missing or invalid Sec-WebSocket-Key header');
  }
  if (version !== '13' && version !== '8') {
    throw new Error('Missing or invalid Sec-WebSocket-Version header');
  }
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  let answer =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n`;
  const protocol = chosenProtocol(headers['sec-websocket-protocol'], terms.subprotocols);
  if (protocol !== undefined) answer += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  const chosen = chosenDeflate(headers['sec-websocket-extensions'], terms.deflate);
  if (chosen !== undefined) answer += `Sec-WebSocket-Extensions: ${chosen.text}\r\n`;
  return { answer: `${answer}\r\n`, subprotocol: protocol, deflate: chosen?.deflate };
}

function chosenProtocol(
  header: string | undefined,
  subprotocols: readonly string[],
): string | undefined {
  if (header === undefined) return undefined;
  const offered = parsed('Sec-WebSocket-Protocol', () => subprotocol.parse(header));
  return subprotocols.find((name) => offered.has(name));
}

function chosenDeflate(header: string | undefined, options: DeflateOptions | undefined) {
  if (header === undefined || options === undefined) return undefined;
  return parsed('Sec-WebSocket-Extensions', () => {
    const name = PerMessageDeflate.extensionName;
    const offers = extension.parse(header)[name];
    if (offers === undefined) return undefined;
    const own = new PerMessageDeflate(options);
    const parameters = own.accept(offers);
    return {
      text: extension.format({ [name]: [parameters] }),
      deflate: agreedDeflate(own, parameters, options.threshold),
    };
  });
}

function parsed<T>(header: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Error(`Invalid or unacceptable ${header} header`, { cause });
  }
}
