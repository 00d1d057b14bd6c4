// What was typed, made fit for the wire: texts and names. Pure.

import { normalizeClientId } from 'headrace-example-broadcast-chat/client-id';

/** The server's limit for one message, in bytes of UTF-8. */
export const MAX_MESSAGE_BYTES = 65_535;

/** @typedef {'empty' | 'too-long' | 'heartbeat' | 'who' | 'sign-in'} TextFault */

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
  if (text.toUpperCase() === 'PING') return 'heartbeat';
  if (text.toUpperCase() === 'WHO') return 'who';
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
  return normalizeClientId(typed)
    .replace(/(\p{Extended_Pictographic})\uFE0F/gu, '$1')
    .replace(/ {2,}/g, ' ');
}

/**
 * Bytes of the text in UTF-8.
 *
 * @param {string} text
 */
export function byteLength(text) {
  return new TextEncoder().encode(text).length;
}
