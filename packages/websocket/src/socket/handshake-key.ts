import { createHash } from 'node:crypto';

/** The suffix with which the key is hashed (RFC 6455, section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The answer of a server to a client's `Sec-WebSocket-Key`: it shows that it read the request. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}
