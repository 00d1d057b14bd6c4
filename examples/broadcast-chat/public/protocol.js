// The words on the wire, read and written. Pure: knows no socket and no page.
// One command per WebSocket text message; the page never sends anything else.

/** The server's limit for one message, in bytes of UTF-8. */
export const MAX_MESSAGE_BYTES = 65_535;

/** The server's limit for a name. Counted in UTF-16 units, the stricter reading of "characters". */
export const MAX_ID_LENGTH = 64;

/** Every `ERR:` code the protocol names. */
export const ERROR_CODES = /** @type {const} */ ([
  'EMPTY_CLIENT_ID',
  'BAD_CLIENT_ID',
  'AUTH_FAILED',
  'ALREADY_AUTH',
  'KICKED',
  'UNAUTH',
  'AUTH_TIMEOUT',
  'IDLE_TIMEOUT',
  'TOO_LONG',
  'BAD_UTF8',
  'TOO_MANY',
]);

/**
 * @typedef {{ kind: 'auth-ok' } | { kind: 'pong' } | { kind: 'bye' }
 *   | { kind: 'error', code: string }
 *   | { kind: 'join', id: string } | { kind: 'leave', id: string }
 *   | { kind: 'echo', text: string }
 *   | { kind: 'message', id: string, text: string }
 *   | { kind: 'unknown', raw: string }} ServerMessage
 *
 * @typedef {'empty' | 'too-long' | 'colon' | 'control'} IdFault
 * @typedef {'empty' | 'too-long' | 'heartbeat' | 'sign-in'} TextFault
 */

/**
 * Reads one message of the server. An id ends at the first colon, everything behind it is text:
 * `MSG:ada:see: here` is "see: here" from ada.
 *
 * @param {string} raw
 * @returns {ServerMessage}
 */
export function parseServerMessage(raw) {
  if (raw === 'AUTH_OK') return { kind: 'auth-ok' };
  if (raw === 'PONG') return { kind: 'pong' };
  if (raw === 'BYE') return { kind: 'bye' };
  const colon = raw.indexOf(':');
  const word = colon < 0 ? '' : raw.slice(0, colon);
  const rest = raw.slice(colon + 1);
  if (word === 'ECHO') return { kind: 'echo', text: rest };
  if (word === 'MSG') return parseMemberMessage(raw, rest);
  if (rest === '') return { kind: 'unknown', raw };
  if (word === 'JOIN') return { kind: 'join', id: rest };
  if (word === 'LEAVE') return { kind: 'leave', id: rest };
  if (word === 'ERR') return { kind: 'error', code: rest };
  return { kind: 'unknown', raw };
}

/**
 * @param {string} raw
 * @param {string} rest
 * @returns {ServerMessage}
 */
function parseMemberMessage(raw, rest) {
  const colon = rest.indexOf(':');
  if (colon < 1) return { kind: 'unknown', raw };
  return { kind: 'message', id: rest.slice(0, colon), text: rest.slice(colon + 1) };
}

/**
 * @param {string} id
 * @param {string} token empty: none
 */
export function formatAuth(id, token) {
  return token === '' ? `AUTH:${id}` : `AUTH:${id}:${token}`;
}

export const PING = 'PING';

/**
 * Makes what was typed fit to be one message. Line breaks become spaces, because members who use
 * plain lines would get one message as several; other control characters go, because they would
 * reach somebody's terminal; half a surrogate pair cannot be sent as UTF-8.
 *
 * @param {string} typed
 */
export function tidyText(typed) {
  return typed
    .replace(/[^\S\r\n\u2028\u2029]*[\r\n\u2028\u2029]+\s*/g, ' ')
    .replace(/\t/g, ' ')
    .replace(/\p{Cc}/gu, '')
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .trim();
}

/**
 * Why the server would not send this text to the others, or null. Expects tidied text.
 *
 * @param {string} text
 * @returns {TextFault | null}
 */
export function checkText(text) {
  if (text === '') return 'empty';
  if (text.toUpperCase() === PING) return 'heartbeat';
  if (text.startsWith('AUTH:')) return 'sign-in';
  return byteLength(text) > MAX_MESSAGE_BYTES ? 'too-long' : null;
}

/**
 * Why the server would not take this name, or null. Expects a trimmed name.
 *
 * @param {string} id
 * @returns {IdFault | null}
 */
export function checkId(id) {
  if (id === '') return 'empty';
  if (id.length > MAX_ID_LENGTH) return 'too-long';
  if (/\p{Cc}/u.test(id)) return 'control';
  return id.includes(':') ? 'colon' : null;
}

/**
 * Bytes of the text in UTF-8.
 *
 * @param {string} text
 */
export function byteLength(text) {
  return new TextEncoder().encode(text).length;
}
