import { Buffer } from 'node:buffer';
import { applyMask, writeMask } from './mask.ts';

// Opcodes (RFC 6455, section 5.2).
export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** Bit of the last frame of a message. */
const FIN = 0x80;
/** RSV1 bit of a compressed payload (RFC 7692, section 6). */
const COMPRESSED = 0x40;
/** Bit of a masked payload. All payloads of a client are masked. */
const MASKED = 0x80;
const MASK_BYTES = 4;

/** A payload that is written into its frame. */
export interface WrittenPayload {
  readonly byteLength: number;
  writeInto(target: Uint8Array, offset: number): void;
}

/** Returns the length of a frame for the length of its payload. */
export function frameLength(payloadLength: number, isMasked: boolean): number {
  const length = payloadLength + (isMasked ? MASK_BYTES : 0);
  if (payloadLength < 126) return length + 2;
  return length + (payloadLength < 2 ** 16 ? 4 : 10);
}

/** Returns the first byte of a message's frame. */
export function firstByte(isText: boolean, isCompressed: boolean = false): number {
  return FIN | (isText ? TEXT : BINARY) | (isCompressed ? COMPRESSED : 0);
}

/** Writes the header of a frame without its mask. Returns the offset after the header. */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  first: number,
  payloadLength: number,
  isMasked: boolean,
): number {
  const mask = isMasked ? MASKED : 0;
  target[offset] = first;
  if (payloadLength < 126) {
    target[offset + 1] = payloadLength | mask;
    return offset + 2;
  }
  const bytes = payloadLength < 2 ** 16 ? 2 : 8;
  target[offset + 1] = (bytes === 2 ? 126 : 127) | mask;
  let rest = payloadLength;
  for (let i = offset + 1 + bytes; i > offset + 1; i--) {
    target[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + 2 + bytes;
}

/** Writes a complete frame. Returns the offset after the frame. */
export function writeFrame(
  target: Uint8Array,
  offset: number,
  first: number,
  payload: Uint8Array | WrittenPayload,
  isMasked: boolean,
): number {
  const isBytes = payload instanceof Uint8Array;
  const length = isBytes ? payload.length : payload.byteLength;
  const at = writeHeader(target, offset, first, length, isMasked);
  const from = isMasked ? at + MASK_BYTES : at;
  if (isBytes) target.set(payload, from);
  else payload.writeInto(target, from);
  if (isMasked) {
    writeMask(target, at);
    applyMask(target, at, from, from + length);
  }
  return from + length;
}

/** Returns a complete frame in its own memory. */
export function frameOf(first: number, payload: Uint8Array, isMasked: boolean): Buffer {
  const frame = Buffer.allocUnsafeSlow(frameLength(payload.length, isMasked));
  writeFrame(frame, 0, first, payload, isMasked);
  return frame;
}

/** Returns a control frame of at most 125 bytes. */
export function controlFrame(opcode: number, payload: Uint8Array, isMasked: boolean): Buffer {
  return frameOf(FIN | opcode, payload, isMasked);
}

/** @param code - `undefined` for an answer to a close frame without one */
export function closeFrame(code: number | undefined, reason: string, isMasked: boolean): Buffer {
  if (code === undefined) return controlFrame(CLOSE, Buffer.alloc(0), isMasked);
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return controlFrame(CLOSE, payload, isMasked);
}
