import { Buffer } from 'node:buffer';

/** What a node and the simulated broker send each other. */
export const OP = {
  subscribe: 1,
  unsubscribe: 2,
  publish: 3,
  ping: 4,
  count: 5,
  /** To the log, with a number that the answer has too. */
  append: 6,
  read: 7,
  /** A live copy of what was stored. */
  live: 8,
  /** As append, read and live, for a state. */
  change: 9,
  readState: 10,
  changed: 11,
} as const;

export interface BrokerFrame {
  readonly op: number;
  /** The subject; of an answer, what it answers. */
  readonly subject: string;
  readonly bytes: Buffer;
}

export function encodeFrame(
  op: number,
  subject: string,
  bytes: Uint8Array = Buffer.alloc(0),
): Buffer {
  const name = Buffer.from(subject, 'utf8');
  return Buffer.concat([Buffer.from([op, name.length >> 8, name.length & 255]), name, bytes]);
}

export function decodeFrame(frame: Buffer): BrokerFrame {
  const end = 3 + frame.readUInt16BE(1);
  return { op: frame[0]!, subject: frame.toString('utf8', 3, end), bytes: frame.subarray(end) };
}
