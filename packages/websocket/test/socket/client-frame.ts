import { Buffer } from 'node:buffer';

/** A frame as a client sends it. */
export interface ClientFrame {
  /** FIN, reserved bits and the opcode. */
  readonly first: number;
  readonly payload?: Uint8Array;
  /** @default a mask that changes all bytes */
  readonly mask?: readonly number[] | false;
}

const MASK = [0x9a, 0x01, 0xff, 0x37];

/** A text message of one frame. */
export function textFrame(text: string): Buffer {
  return clientFrame({ first: 0x81, payload: Buffer.from(text) });
}

export function clientFrame({ first, payload = Buffer.alloc(0), mask = MASK }: ClientFrame) {
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = first;
  header[1] = (mask === false ? 0 : 0x80) | (length < 126 ? length : length < 65_536 ? 126 : 127);
  if (header.length === 4) header.writeUInt16BE(length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(length), 2);
  if (mask === false) return Buffer.concat([header, payload]);
  const masked = Buffer.from(payload).map((byte, i) => byte ^ mask[i & 3]!);
  return Buffer.concat([header, Buffer.from(mask), masked]);
}
