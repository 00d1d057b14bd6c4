import { Buffer } from 'node:buffer';
import { type ByteSource, EncodeError, type OutboundBytes } from '@headrace/core';
import {
  appendTo,
  bufferPlace,
  bufferView,
  byteLengthOf,
  isOutboundBytes,
  toBuffer,
} from '@headrace/core/authoring';
import { invalidMessage } from './exchange-error.ts';
import type {
  ExchangeFailure,
  ExchangeFormat,
  ExchangeId,
  ExchangeSink,
} from './exchange-format.ts';

/** The types of {@link binaryExchange}: bodies are bytes, and go out as they are. */
export interface BinaryExchange {
  reads: Buffer;
  writes: OutboundBytes;
  call: OutboundBytes;
  request: Buffer;
  answer: OutboundBytes | undefined | void;
  result: Buffer;
}

const [REQUEST, RESPONSE, ERROR, CANCEL, NOTIFY] = [1, 2, 3, 4, 5] as const;
const HEADER_BYTES = 6;
const TIME_BYTES = 4;
const CODE_BYTES = 2;
const MAX_UINT32 = 0xffff_ffff;
const EMPTY: Buffer = Buffer.alloc(0);

const CODES: Readonly<Record<ExchangeFailure, number>> = {
  failed: 1,
  'too-late': 2,
  overloaded: 3,
  unknown: 4,
  cancelled: 5,
};

/** The header, a number of 4 bytes or of 2, and the body, not yet copied together. */
class BinaryFrame implements ByteSource {
  readonly byteLength: number;
  private readonly kind: number;
  private readonly id: number;
  private readonly number: number;
  private readonly body: OutboundBytes;

  constructor(kind: number, id: number, number: number, body: OutboundBytes) {
    this.kind = kind;
    this.id = id;
    this.number = number;
    this.body = body;
    this.byteLength = HEADER_BYTES + numberBytes(kind) + byteLengthOf(body);
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { body } = this;
    const at = this.writeHead(target, offset);
    if (body instanceof Uint8Array) target.set(body, at);
    else body.writeTo(target, at);
  }

  appendTo(buffers: Uint8Array[]): void {
    const head = Buffer.allocUnsafe(HEADER_BYTES + numberBytes(this.kind));
    this.writeHead(head, 0);
    buffers.push(head);
    appendTo(buffers, this.body);
  }

  /** Returns where the body begins. */
  private writeHead(target: Uint8Array, offset: number): number {
    const { kind, id, number } = this;
    target[offset] = kind;
    target[offset + 1] = 0;
    writeUint32(target, offset + 2, id);
    if (kind === REQUEST) writeUint32(target, offset + HEADER_BYTES, number);
    else if (kind === ERROR) {
      target[offset + HEADER_BYTES] = number >>> 8;
      target[offset + HEADER_BYTES + 1] = number;
    }
    return offset + HEADER_BYTES + numberBytes(kind);
  }
}

function numberBytes(kind: number): number {
  if (kind === REQUEST) return TIME_BYTES;
  return kind === ERROR ? CODE_BYTES : 0;
}

function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

/**
 * Calls whose bodies are bytes, each in one message of the framing before it, big-endian:
 *
 * ```text
 *  byte 0   kind: 1 request, 2 response, 3 error, 4 cancel, 5 notify
 *  byte 1   0
 *  2–5      id, not 0; 0 for notify
 *  6–9      request: time left in ms, 0 for none; then the body
 *  6–7      error: code (1 failed, 2 too late, 3 overloaded, 4 unknown, 5 cancelled, from 1024 yours), then text
 * ```
 *
 * Put a frame decoder and its prepender before the handler: `lengthPrefixed({ maxFrameLength })`, or WebSocket
 * messages. A body that is read is a view of its frame: copy what you keep. An answer of `undefined` has no bytes.
 */
export function binaryExchange(): ExchangeFormat<BinaryExchange> {
  return BINARY;
}

const BINARY: ExchangeFormat<BinaryExchange> = {
  codes: CODES,
  read,
  request: (id, body, timeLeftMs) =>
    new BinaryFrame(
      REQUEST,
      id,
      timeLeftMs === Number.POSITIVE_INFINITY ? 0 : Math.min(timeLeftMs, MAX_UINT32),
      checkBody(body),
    ),
  notification: (body) => new BinaryFrame(NOTIFY, 0, 0, checkBody(body)),
  cancel: (id) => new BinaryFrame(CANCEL, id, 0, EMPTY),
  response: (id, answer) => new BinaryFrame(RESPONSE, numberOf(id), 0, checkBody(answer ?? EMPTY)),
  error: (id, code, text) =>
    new BinaryFrame(ERROR, numberOf(id), checkCode(code), Buffer.from(text)),
};

function numberOf(id: ExchangeId): number {
  return id as number;
}

function checkBody(body: unknown): OutboundBytes {
  if (isOutboundBytes(body)) return body;
  throw new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `the body of a call is ${typeof body}, but must be a Uint8Array or a ByteSource`,
  );
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
  if (!(message instanceof Uint8Array)) throw invalidMessage(message, 'a message that is no bytes');
  const { length } = message;
  if (length < HEADER_BYTES) throw invalidMessage(message, 'a frame without a whole header');
  if (message[1] !== 0) throw invalidMessage(message, 'the second byte is not 0');
  const kind = message[0]!;
  const id = readUint32(message, 2);
  if ((id === 0) !== (kind === NOTIFY))
    throw invalidMessage(message, `the id ${id} in a frame of kind ${kind}`);
  if (length < HEADER_BYTES + numberBytes(kind))
    throw invalidMessage(message, 'a frame that is too short');
  if (kind === REQUEST) {
    const timeLeftMs = readUint32(message, HEADER_BYTES) || Number.POSITIVE_INFINITY;
    sink.request(id, bodyOf(message, HEADER_BYTES + TIME_BYTES), timeLeftMs);
  } else if (kind === RESPONSE) sink.response(id, bodyOf(message, HEADER_BYTES));
  else if (kind === NOTIFY) sink.notification(bodyOf(message, HEADER_BYTES));
  else if (kind === ERROR) {
    const code = message[HEADER_BYTES]! * 256 + message[HEADER_BYTES + 1]!;
    sink.refusal(id, code, bodyOf(message, HEADER_BYTES + CODE_BYTES).toString());
  } else if (kind !== CANCEL) throw invalidMessage(message, `a frame of the unknown kind ${kind}`);
  else if (length > HEADER_BYTES) throw invalidMessage(message, 'a cancel with a body');
  else sink.cancel(id);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
  );
}

function bodyOf(message: Buffer, from: number): Buffer {
  const bytes = toBuffer(message);
  const { memory, offset } = bufferPlace(bytes);
  return bufferView(memory, offset + from, bytes.length - from);
}
