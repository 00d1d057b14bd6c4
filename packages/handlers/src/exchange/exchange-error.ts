import { DecodeError, isHeadraceError, RejectedError } from '@headrace/core';
import type { ExchangeFailure, ExchangeFormat } from './exchange-format.ts';

/** The longest text of an error that is sent to the peer, in characters. */
const MAX_TEXT = 1000;

/**
 * For functions that answer requests: throw it, and the peer gets this code and text. Any other error is answered with
 * the code for `failed`, and its text stays here.
 *
 * @param code - one of the protocol's own, in the binary format from 1024 to 65535
 * @param data - further data, if the format carries it (JSON-RPC)
 *
 * @example
 * ```ts
 * handle: (request) => {
 *   throw refusal(1024, 'no such room');
 * }
 * ```
 */
export function refusal(code: number, text: string, data?: unknown): RejectedError {
  return new RejectedError('REQUEST_REFUSED', text, { code, text }, data);
}

/** The error of a call that the peer answered with an error. */
export function refusedByPeer(code: number, text: string, data: unknown): RejectedError {
  const message = `the peer answered with the error ${code}${text === '' ? '' : `: ${text}`}`;
  return new RejectedError('REQUEST_REFUSED', message, { code, text }, data);
}

/** The error that is sent for what a function threw. */
export interface ErrorAnswer {
  readonly code: number;
  readonly text: string;
  readonly data: unknown;
}

/** `undefined` for an error that the function did not mean for the peer. */
export function answerOf(error: Error): ErrorAnswer | undefined {
  if (!isHeadraceError(error, 'REQUEST_REFUSED')) return undefined;
  const { code, text } = error.details;
  if (typeof code !== 'number') return undefined;
  const data = error.cause instanceof Error ? undefined : error.cause;
  return { code, text: String(text ?? '').slice(0, MAX_TEXT), data };
}

const FAILURE_TEXTS: Readonly<Record<ExchangeFailure, string>> = {
  failed: 'the request failed',
  'too-late': 'the time of the request is over',
  overloaded: 'too many requests wait',
  unknown: 'this end answers no requests',
  cancelled: 'the request was cancelled',
};

/** The error that is sent for a failure of the handler's own. */
export function failureOf(format: ExchangeFormat, failure: ExchangeFailure): ErrorAnswer {
  return { code: format.codes[failure], text: FAILURE_TEXTS[failure], data: undefined };
}

const SHOWN_BYTES = 16;
const SHOWN_CHARACTERS = 80;

/** The error for a message that the protocol does not allow, with its beginning. */
export function invalidMessage(message: unknown, why: string): DecodeError {
  if (!(message instanceof Uint8Array)) {
    return new DecodeError('MESSAGE_INVALID', `${why} (${beginningOf(message)})`);
  }
  const shown = Array.from(message.subarray(0, SHOWN_BYTES), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join(' ');
  return new DecodeError(
    'MESSAGE_INVALID',
    `${why} (a message of ${message.length} bytes, it begins with ${shown})`,
    { bytes: message.length },
  );
}

/** The error for a message of another kind than the format reads: a codec is missing, or stands elsewhere. */
export function unexpectedKind(message: unknown, expected: string): DecodeError {
  return invalidMessage(message, `${kindOf(message)}, but ${expected}`);
}

function kindOf(message: unknown): string {
  if (message instanceof Uint8Array) return 'bytes';
  if (message === null) return 'null';
  return typeof message === 'string' ? 'a text' : `a ${typeof message}`;
}

/** As JSON, but not all of it: the message may be large. */
function beginningOf(message: unknown): string {
  if (typeof message !== 'object' || message === null) {
    return String(message).slice(0, SHOWN_CHARACTERS);
  }
  const members = Object.entries(message)
    .slice(0, 5)
    .map(([name, value]) => {
      const isPlain = typeof value !== 'object' || value === null;
      return `${name}: ${isPlain ? String(value).slice(0, 20) : '…'}`;
    });
  return `{ ${members.join(', ')} }`.slice(0, SHOWN_CHARACTERS);
}
