import { ChannelError, DecodeError, isHeadraceError, RejectedError } from '@headrace/core';
import type { ExchangeFailure, ExchangeFormat } from './exchange-format.ts';

/** Maximum length of an error text that is sent to the peer, in characters. */
const MAX_TEXT = 1000;

/**
 * Makes an error that a function throws to answer a request. The peer receives this code and text. For any other error, the peer
 * receives the code for `failed`, without the error's text.
 *
 * @param code - code of your protocol, in the binary format from 1024 to 65535
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

export function refusedByPeer(code: number, text: string, data: unknown): RejectedError {
  const message = `the peer answered with the error ${code}${text === '' ? '' : `: ${text}`}`;
  return new RejectedError('REQUEST_REFUSED', message, { code, text }, data);
}

/** Makes the error of items that cannot arrive, because the peer ended its half of the connection before their end. */
export function itemsLost(what: string): ChannelError {
  const text = `the peer has ended its half of the connection: ${what}`;
  return new ChannelError('REQUEST_LOST', text, { sent: true });
}

/** The error that is sent to the peer after a function threw. */
export interface ErrorAnswer {
  readonly code: number;
  readonly text: string;
  readonly data: unknown;
}

/** Returns the content of a `refusal`, or `undefined` for any other error, which the peer must not see. */
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
  lost: 'the items of this call were lost with the process that sent them',
};

/** Makes the error that is sent when the handler itself refuses a request. */
export function failureOf(format: ExchangeFormat, failure: ExchangeFailure): ErrorAnswer {
  return { code: format.codes?.[failure] ?? 0, text: FAILURE_TEXTS[failure], data: undefined };
}

const SHOWN_BYTES = 16;
const SHOWN_CHARACTERS = 80;

/** Makes the error for a message that the protocol does not allow. The error shows the beginning of the message. */
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

/** Makes the error for a message whose type the format does not read, because a codec is missing or stands in another place. */
export function unexpectedKind(message: unknown, expected: string): DecodeError {
  return invalidMessage(message, `${kindOf(message)}, but ${expected}`);
}

function kindOf(message: unknown): string {
  if (message instanceof Uint8Array) return 'bytes';
  if (message === null) return 'null';
  return typeof message === 'string' ? 'a text' : `a ${typeof message}`;
}

/** Returns the beginning of a message in a form like JSON. The whole message may be large. */
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
