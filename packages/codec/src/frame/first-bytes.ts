import { DecodeError, type ErrorDetails } from '@headrace/core';
import { type ByteInput, SHOWN_BYTES } from '../base/byte-input.ts';

const HTTP = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|CONNECT|TRACE|PRI) |^HTTP\/1/;
const PROXY_V2 = '0d0a0d0a000d0a515549540a';

/**
 * Returns the first bytes of a bad frame for an error text, and the protocol that they resemble: ` (it begins with 16 03 01; …)`.
 */
export function describeFirstBytes(input: ByteInput): string {
  const first = input.peek(SHOWN_BYTES);
  if (first.length === 0) return '';
  const hex = first.toString('hex').replace(/..(?=.)/g, '$& ');
  const guess = guessProtocol(first);
  const hint = guess === undefined ? '' : `; the peer seems to speak ${guess}`;
  return ` (it begins with ${hex}${hint})`;
}

/**
 * Returns the error for a frame that is longer than an option allows. `what` is the name of the frame in the text.
 *
 * @param header - number of bytes that `length` and `most` count, but the text does not
 */
export function frameTooLong(
  input: ByteInput,
  what: string,
  length: number | string,
  option: string,
  most: number,
  details: ErrorDetails = {},
  header = 0,
): DecodeError {
  const text =
    header === 0
      ? `${what} of ${length} bytes is longer than ${option}, ${most}`
      : `${what} of ${Number(length) - header} bytes is longer than ${option} allows, ${most - header}, ` +
        `both without the header of ${header} bytes`;
  return new DecodeError('FRAME_TOO_LONG', text + describeFirstBytes(input), {
    length,
    [option]: most,
    ...details,
  });
}

/** Returns the protocol that a stream with these first bytes seems to use, or `undefined` if it is unknown. */
function guessProtocol(first: Buffer): string | undefined {
  if (first[0] === 0x16 && first[1] === 3) return 'TLS (a ClientHello)';
  const text = first.toString('latin1');
  if (HTTP.test(text)) return 'HTTP';
  if (text.startsWith('SSH-')) return 'SSH';
  if (text.startsWith('PROXY ')) return 'the PROXY protocol (version 1)';
  if (first.toString('hex').startsWith(PROXY_V2)) return 'the PROXY protocol (version 2)';
  return undefined;
}
