// The words on the wire, read and written. Pure: knows no socket and no page.
// One command per WebSocket text message; the page never sends anything else.

/** The server's limit for one message, in bytes of UTF-8. */
export const MAX_MESSAGE_BYTES = 65_535;

/** The server's limit for a name, in characters. */
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
 *   | { kind: 'members', count: number } | { kind: 'member', id: string }
 *   | { kind: 'echo', text: string }
 *   | { kind: 'message', id: string, text: string }
 *   | { kind: 'unknown', raw: string }} ServerMessage
 *
 * @typedef {'empty' | 'too-long' | 'colon' | 'characters'} IdFault
 * @typedef {'empty' | 'too-long' | 'heartbeat' | 'who' | 'sign-in'} TextFault
 */

/**
 * Reads one message of the server. An id ends at the first colon, everything after it is text:
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
  if (word === 'MEMBER') return { kind: 'member', id: rest };
  if (word === 'MEMBERS') return { kind: 'members', count: Number(rest) };
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

/** Asks who is here. */
export const WHO = 'WHO';

/**
 * Makes what was typed fit to be one message. Line breaks stay, for who reads plain lines the server makes
 * spaces of them; other control characters go, because they would reach somebody's terminal; half a
 * surrogate pair cannot be sent as UTF-8.
 *
 * @param {string} typed
 */
export function tidyText(typed) {
  return typed
    .replace(/\r\n?|[\u2028\u2029\u0085\v\f]/g, '\n')
    .replace(/[^\S\n]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/\t/g, '  ')
    .replace(/(?!\n)\p{Cc}/gu, '')
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
  if (text.toUpperCase() === WHO) return 'who';
  if (text.startsWith('AUTH:')) return 'sign-in';
  return byteLength(text) > MAX_MESSAGE_BYTES ? 'too-long' : null;
}

/**
 * The form in which the server compares and shows a name. An emoji's variation selector cannot be seen, so it
 * cannot be part of a name.
 *
 * @param {string} typed
 */
export function tidyId(typed) {
  return typed
    .normalize('NFC')
    .replace(/(\p{Extended_Pictographic})\uFE0F/gu, '$1')
    .replace(/ {2,}/g, ' ')
    .trim();
}

/**
 * Why the server would not take this name, or null. Expects a tidied name.
 *
 * @param {string} id
 * @returns {IdFault | null}
 */
export function checkId(id) {
  if (id === '') return 'empty';
  if ([...id].length > MAX_ID_LENGTH) return 'too-long';
  if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u.test(id)) return 'characters';
  if (/[\p{DI}\u{2800}\u{1d159}]/u.test(id)) return 'characters';
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
