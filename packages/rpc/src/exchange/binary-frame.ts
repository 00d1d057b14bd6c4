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
import type { ExchangeTypes } from './exchange-format.ts';

/** The types of {@link binaryExchange}. Bodies are bytes, and are sent unchanged. */
export interface BinaryExchange extends ExchangeTypes {
  reads: Buffer;
  writes: OutboundBytes;
  call: OutboundBytes;
  request: Buffer;
  answer: OutboundBytes | undefined | void;
  result: Buffer;
}

/** Values of the first byte of a frame. */
export const KIND = {
  request: 1,
  response: 2,
  error: 3,
  cancel: 4,
  notify: 5,
  open: 6,
  item: 7,
  inputEnd: 8,
  credit: 9,
  window: 10,
  goAway: 11,
} as const;
export const HEADER_BYTES = 6;
export const TIME_BYTES = 4;
export const CODE_BYTES = 2;
export const MAX_UINT32 = 0xffff_ffff;

/** Second byte of a stream's frame that the answerer sent. */
export const FROM_ANSWERER = 1;

/** A frame before its parts are copied together: the header, a number of 4 bytes or 2 bytes, and the body. */
export class BinaryFrame implements ByteSource {
  readonly byteLength: number;
  private readonly kind: number;
  private readonly id: number;
  private readonly number: number;
  private readonly body: OutboundBytes;
  private readonly from: number;

  constructor(kind: number, id: number, number: number, body: OutboundBytes, from = 0) {
    this.kind = kind;
    this.id = id;
    this.number = number;
    this.body = body;
    this.from = from;
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

  /** Writes the header, and returns the offset of the body. */
  private writeHead(target: Uint8Array, offset: number): number {
    const { kind, id, number, from } = this;
    target[offset] = kind;
    target[offset + 1] = from;
    writeUint32(target, offset + 2, id);
    if (hasTime(kind)) writeUint32(target, offset + HEADER_BYTES, number);
    else if (kind === KIND.error) {
      target[offset + HEADER_BYTES] = number >>> 8;
      target[offset + HEADER_BYTES + 1] = number;
    }
    return offset + HEADER_BYTES + numberBytes(kind);
  }
}

function hasTime(kind: number): boolean {
  return kind === KIND.request || kind === KIND.open;
}

export function numberBytes(kind: number): number {
  if (hasTime(kind)) return TIME_BYTES;
  return kind === KIND.error ? CODE_BYTES : 0;
}

export function writeUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

export function checkBody(body: unknown): OutboundBytes {
  if (isOutboundBytes(body)) return body;
  throw new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    `the body of a call is ${typeof body}, but must be a Uint8Array or a ByteSource`,
  );
}

/** Encodes the remaining time. 0 stands for no limit. */
export function timeOf(timeLeftMs: number): number {
  return timeLeftMs === Number.POSITIVE_INFINITY ? 0 : Math.min(timeLeftMs, MAX_UINT32);
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
  );
}

/** Returns a view of the bytes from an offset on. */
export function bodyOf(message: Buffer, from: number): Buffer {
  const bytes = toBuffer(message);
  const { memory, offset } = bufferPlace(bytes);
  return bufferView(memory, offset + from, bytes.length - from);
}
