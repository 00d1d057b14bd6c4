import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

const PLAIN = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_TOKEN = 96;
/** Half of a surrogate pair. UTF-8 cannot encode it, so different halves would become equal. */
export const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Encodes a name as one token of a subject:
 *
 * - `p` and the name, if the name consists of at most 64 letters, digits, `-` and `_`
 * - `b` and its UTF-8 as base64url, for another name
 * - `h` and its SHA-256, if the `b` form is longer than 96 bytes
 * - `s` and the SHA-256 of its UTF-16, if the name has no UTF-8
 *
 * A token never contains a separator, and two names never have the same token.
 */
export function token(name: string): string {
  if (PLAIN.test(name)) return `p${name}`;
  if (LONE_SURROGATE.test(name)) {
    return `s${createHash('sha256').update(name, 'utf16le').digest('base64url')}`;
  }
  const encoded = `b${Buffer.from(name, 'utf8').toString('base64url')}`;
  if (encoded.length <= MAX_TOKEN) return encoded;
  return `h${createHash('sha256').update(name, 'utf8').digest('base64url')}`;
}
