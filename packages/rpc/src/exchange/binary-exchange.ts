import { Buffer } from 'node:buffer';
import { EncodeError } from '@headrace/core';
import {
  type BinaryExchange,
  BinaryFrame,
  bodyOf,
  CODE_BYTES,
  checkBody,
  HEADER_BYTES,
  KIND,
  numberBytes,
  readUint32,
  TIME_BYTES,
  timeOf,
} from './binary-frame.ts';
import { BINARY_STREAMS, readStreamFrame } from './binary-streams.ts';
import { invalidMessage, unexpectedKind } from './exchange-error.ts';
import type {
  ExchangeFailure,
  ExchangeFormat,
  ExchangeId,
  ExchangeSink,
} from './exchange-format.ts';

const EMPTY: Buffer = Buffer.alloc(0);

const CODES: Readonly<Record<ExchangeFailure, number>> = {
  failed: 1,
  'too-late': 2,
  overloaded: 3,
  unknown: 4,
  cancelled: 5,
  lost: 6,
};

/**
 * Makes the binary format. Bodies are bytes. Each message is one frame of the framing before the handler, big-endian:
 *
 * ```text
 *  byte 0   kind: 1 request, 2 response, 3 error, 4 cancel, 5 notify; of streams 6 open, 7 item, 8 end of the
 *           caller's items, 9 credit, 10 window; 11 go away
 *  byte 1   0, or 1 in an item or credit of the answerer
 *  2–5      id, not 0; 0 for notify; in go away, the last request that was taken, 0 for none
 *  6–9      request: time left in ms, 0 for none; then the body
 *  6–18     open: time left, the window of the caller (items, bytes; 0 and 0 for one answer), 1 if it sends items,
 *           else 0; then the body
 *  6–13     window of the answerer: items, bytes
 *  6–9      credit: items that were taken
 *  6–       item: body
 *  6–7      error: code (1 failed, 2 too late, 3 overloaded, 4 unknown, 5 cancelled, 6 lost, from 1024 yours),
 *           then text
 * ```
 *
 * Put a frame decoder and its prepender before the handler: `lengthPrefixed({ maxFrameLength })`, or WebSocket messages. A body
 * that was read is a view of its frame. Copy the body if you keep it. An answer of `undefined` has no bytes.
 */
export function binaryExchange(): ExchangeFormat<BinaryExchange> {
  return BINARY;
}

const BINARY: ExchangeFormat<BinaryExchange> = {
  codes: CODES,
  read,
  request: (id, body, timeLeftMs) =>
    new BinaryFrame(KIND.request, id, timeOf(timeLeftMs), checkBody(body)),
  notification: (body) => new BinaryFrame(KIND.notify, 0, 0, checkBody(body)),
  cancel: (id) => new BinaryFrame(KIND.cancel, id, 0, EMPTY),
  response: (id, answer) =>
    new BinaryFrame(KIND.response, numberOf(id), 0, checkBody(answer ?? EMPTY)),
  error: (id, code, text) =>
    new BinaryFrame(KIND.error, numberOf(id), checkCode(code), Buffer.from(text)),
  goAway: (lastId) => new BinaryFrame(KIND.goAway, lastId, 0, EMPTY),
  streams: BINARY_STREAMS,
};

function numberOf(id: ExchangeId): number {
  return id as number;
}

function checkCode(code: number): number {
  if (Number.isInteger(code) && code > 0 && code <= 0xffff) return code;
  throw new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `the code of an error is ${code}, but must be a whole number from 1 to 65535`,
    { code },
  );
}

function read(message: Buffer, sink: ExchangeSink<BinaryExchange>): void {
  if (!(message instanceof Uint8Array))
    throw unexpectedKind(message, 'bytes were expected, as a frame decoder before it makes');
  const { length } = message;
  if (length < HEADER_BYTES) throw invalidMessage(message, 'a frame without a whole header');
  const kind = message[0]!;
  if (message[1] !== 0 && kind <= KIND.open)
    throw invalidMessage(message, 'the second byte is not 0');
  const id = readUint32(message, 2);
  if (kind !== KIND.goAway && (id === 0) !== (kind === KIND.notify))
    throw invalidMessage(message, `the id ${id} in a frame of kind ${kind}`);
  if (length < HEADER_BYTES + numberBytes(kind))
    throw invalidMessage(message, 'a frame that is too short');
  if (kind === KIND.request) {
    const timeLeftMs = readUint32(message, HEADER_BYTES) || Number.POSITIVE_INFINITY;
    sink.request(id, bodyOf(message, HEADER_BYTES + TIME_BYTES), timeLeftMs);
  } else if (kind === KIND.response) sink.response(id, bodyOf(message, HEADER_BYTES));
  else if (kind === KIND.notify) sink.notification(bodyOf(message, HEADER_BYTES));
  else if (kind === KIND.error) {
    const code = message[HEADER_BYTES]! * 256 + message[HEADER_BYTES + 1]!;
    sink.refusal(id, code, bodyOf(message, HEADER_BYTES + CODE_BYTES).toString());
  } else if (kind === KIND.goAway) {
    if (message[1] !== 0 || length > HEADER_BYTES)
      throw invalidMessage(message, 'a go away with more than a number');
    sink.goAway(id);
  } else if (kind !== KIND.cancel) readStreamFrame(message, kind, id, sink.streams);
  else if (length > HEADER_BYTES) throw invalidMessage(message, 'a cancel with a body');
  else sink.cancel(id);
}
