import { Buffer } from 'node:buffer';

/**
 * The frames that two nodes exchange after their handshake. The first byte of a frame is its kind:
 *
 * ```text
 * subscribe    1, then for each subject: u16 length, UTF-8
 * unsubscribe  2, as subscribe
 * message      3, u16 length of the subject, subject, bytes
 * ping         4, u32 number
 * pong         5, u32 number
 * places       6, JSON: the addresses of all nodes, from a register
 * alive        7, answered with 8
 * ```
 */
export const FRAME = {
  subscribe: 1,
  unsubscribe: 2,
  message: 3,
  ping: 4,
  pong: 5,
  places: 6,
} as const;

/** The heartbeats of a connection. */
export const ALIVE: Uint8Array = Uint8Array.of(7);
export const ALIVE_ANSWER: Uint8Array = Uint8Array.of(8);

/** Maximum size of one message, in bytes. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Maximum size of a frame, in bytes. */
export const MAX_FRAME_BYTES: number = MAX_MESSAGE_BYTES + 3 + 0xffff;
/** Size at which a list of subjects continues in the next frame, in bytes. */
const FULL_LIST_BYTES = 32 * 1024;

type ListKind = typeof FRAME.subscribe | typeof FRAME.unsubscribe;
type NumberKind = typeof FRAME.ping | typeof FRAME.pong;

/** Returns the frames that subscribe to the subjects, or unsubscribe from them. */
export function* subjectFrames(kind: ListKind, subjects: Iterable<string>): Generator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for (const subject of subjects) {
    const name = Buffer.from(subject, 'utf8');
    parts.push(Buffer.of(name.byteLength >> 8, name.byteLength & 0xff), name);
    size += 2 + name.byteLength;
    if (size < FULL_LIST_BYTES) continue;
    yield Buffer.concat([Buffer.of(kind), ...parts]);
    parts = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat([Buffer.of(kind), ...parts]);
}

/** Calls `each` with the subjects of a frame. Throws a `RangeError` for a frame that was cut. */
export function readSubjects(frame: Buffer, each: (subject: string) => void): void {
  for (let at = 1; at < frame.byteLength; ) {
    const end = at + 2 + frame.readUInt16BE(at);
    if (end > frame.byteLength) throw new RangeError('a subject that was cut');
    each(frame.toString('utf8', at + 2, end));
    at = end;
  }
}

export function messageFrame(subject: string, bytes: Uint8Array): Buffer {
  const length = Buffer.byteLength(subject, 'utf8');
  const frame = Buffer.allocUnsafe(3 + length + bytes.byteLength);
  frame[0] = FRAME.message;
  frame.writeUInt16BE(length, 1);
  frame.write(subject, 3, 'utf8');
  frame.set(bytes, 3 + length);
  return frame;
}

/** Returns the subject and the bytes of a message. Throws a `RangeError` for a frame that was cut. */
export function readMessage(frame: Buffer): { readonly subject: string; readonly bytes: Buffer } {
  const end = 3 + frame.readUInt16BE(1);
  if (end > frame.byteLength) throw new RangeError('a message that was cut');
  return { subject: frame.toString('utf8', 3, end), bytes: frame.subarray(end) };
}

export function numberFrame(kind: NumberKind, number: number): Buffer {
  const frame = Buffer.allocUnsafe(5);
  frame[0] = kind;
  frame.writeUInt32BE(number, 1);
  return frame;
}
