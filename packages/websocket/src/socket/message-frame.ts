import { Buffer } from 'node:buffer';

// Opcodes (RFC 6455, section 5.2).
export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** The frame is the last of its message. */
const FIN = 0x80;
/** RSV1: the payload is compressed (RFC 7692, section 6). */
const COMPRESSED = 0x40;

/** The length of a server's frame, which has no mask, with a payload of this length. */
export function frameLength(payloadLength: number): number {
  if (payloadLength < 126) return payloadLength + 2;
  return payloadLength + (payloadLength < 2 ** 16 ? 4 : 10);
}

/** Writes the header of a server's frame. Returns the offset after it. */
export function writeHeader(
  target: Uint8Array,
  offset: number,
  isText: boolean,
  payloadLength: number,
  isCompressed: boolean = false,
): number {
  target[offset] = FIN | (isText ? TEXT : BINARY) | (isCompressed ? COMPRESSED : 0);
  if (payloadLength < 126) {
    target[offset + 1] = payloadLength;
    return offset + 2;
  }
  const bytes = payloadLength < 2 ** 16 ? 2 : 8;
  target[offset + 1] = bytes === 2 ? 126 : 127;
  let rest = payloadLength;
  for (let i = offset + 1 + bytes; i > offset + 1; i--) {
    target[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return offset + 2 + bytes;
}

/** A server's whole frame. */
export function frameOf(isText: boolean, payload: Uint8Array, isCompressed: boolean): Buffer {
  const frame = Buffer.allocUnsafeSlow(frameLength(payload.length));
  frame.set(payload, writeHeader(frame, 0, isText, payload.length, isCompressed));
  return frame;
}

/** A server's frame without data, of at most 125 bytes. */
export function controlFrame(opcode: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafeSlow(2 + payload.length);
  frame[0] = FIN | opcode;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}

/** @param code - `undefined` for an answer to a close frame without one */
export function closeFrame(code: number | undefined, reason: string): Buffer {
  if (code === undefined) return controlFrame(CLOSE, Buffer.alloc(0));
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return controlFrame(CLOSE, payload);
}
