import { Buffer } from 'node:buffer';

// The first byte of a message that is one frame (RFC 6455, section 5.2): FIN, and the opcode.
const TEXT = 0x81;
const BINARY = 0x82;
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
  target[offset] = (isText ? TEXT : BINARY) | (isCompressed ? COMPRESSED : 0);
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
