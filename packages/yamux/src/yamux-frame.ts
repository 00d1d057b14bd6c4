import { Buffer } from 'node:buffer';

export const HEADER_BYTES = 12;

// The types of frames.
export const DATA = 0;
export const WINDOW_UPDATE = 1;
export const PING = 2;
export const GO_AWAY = 3;

// The flags of frames, as bits.
export const SYN = 1;
export const ACK = 2;
export const FIN = 4;
export const RST = 8;

// The codes of a go away.
export const NORMAL = 0;
export const PROTOCOL_ERROR = 1;

/** Window of each end until it receives another window. */
export const INITIAL_WINDOW: number = 256 * 1024;
export const MAX_UINT32 = 0xffff_ffff;

/** Makes a frame, with room for a body of `bodyBytes` after the header. */
export function frameOf(
  type: number,
  flags: number,
  id: number,
  length: number,
  bodyBytes = 0,
): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  frame[0] = 0;
  frame[1] = type;
  frame.writeUInt16BE(flags, 2);
  frame.writeUInt32BE(id, 4);
  frame.writeUInt32BE(length, 8);
  return frame;
}
