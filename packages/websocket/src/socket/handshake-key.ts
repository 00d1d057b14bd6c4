import { createHash } from 'node:crypto';

/** Suffix for the hash of the key (RFC 6455, section 1.3). */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Returns a server's answer to a client's `Sec-WebSocket-Key`, which proves that the server read the request. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}
