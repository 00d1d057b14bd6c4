import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';

/** Version of the protocol. */
export const RESUME_VERSION = 3;

/** First byte of each frame. */
export const FRAME_KIND = {
  open: 1,
  opened: 2,
  resume: 3,
  resumed: 4,
  gone: 5,
  data: 6,
  ack: 7,
  end: 8,
  move: 9,
  many: 10,
} as const;

/** Maximum length of a MANY frame. */
export const MANY_BYTES = 1024;
/** Value of `maxFrameBytes` if no limit is known. */
export const NO_LIMIT = 2 ** 32 - 1;
/** Length of the field before each message of a MANY frame. */
export const RECORD_HEADER_BYTES = 2;

/** Codes of the reasons for which a lasting channel cannot continue. */
export const GONE_CODE = { unknown: 1, overrun: 2, version: 3, limit: 4, refused: 5 } as const;

/** Place to which a client can move: a host and port, or a path. */
export type MovePlace =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** A frame of a link. Ids and secrets are 16 bytes, here as Latin-1 text. */
export type ResumeFrame =
  | {
      readonly kind: 'open';
      readonly windowMs: number;
      readonly creditBytes: number;
      /** Maximum length of a frame to the sender of this frame, over this link. @default NO_LIMIT */
      readonly maxFrameBytes?: number;
    }
  | {
      readonly kind: 'opened';
      readonly windowMs: number;
      readonly creditBytes: number;
      readonly maxFrameBytes?: number;
      readonly id: string;
      readonly secret: string;
    }
  | {
      readonly kind: 'resume';
      readonly id: string;
      readonly secret: string;
      readonly received: number;
      readonly maxFrameBytes?: number;
    }
  | {
      readonly kind: 'resumed';
      readonly received: number;
      readonly secret: string;
      readonly maxFrameBytes?: number;
    }
  | {
      readonly kind: 'gone';
      readonly code: number;
      readonly retryAfterMs: number;
      readonly text: string;
    }
  | { readonly kind: 'data'; readonly payload: Buffer }
  | { readonly kind: 'many'; readonly payloads: readonly Buffer[] }
  | { readonly kind: 'ack'; readonly received: number }
  | { readonly kind: 'end'; readonly reason: string }
  | {
      readonly kind: 'move';
      readonly spreadMs: number;
      readonly places: readonly MovePlace[] | undefined;
    };

/** An OPEN or RESUME of an unsupported version, which is answered and is not an error. */
export interface OtherVersion {
  readonly kind: 'other-version';
  readonly version: number;
}

/** Length of ids and secrets, in bytes. */
export const SECRET_BYTES = 16;

const SHOWN_BYTES = 16;
/** Length of an OPEN, and of the same fields in OPENED. */
const OPEN_BYTES = 14;
const OPENED_BYTES = OPEN_BYTES + 2 * SECRET_BYTES;
const RESUME_ID = 2;
const COUNT_BYTES = 6;
const LIMIT_BYTES = 4;
const RESUME_RECEIVED = RESUME_ID + 2 * SECRET_BYTES;
const RESUME_LIMIT = RESUME_RECEIVED + COUNT_BYTES;
const RESUMED_LIMIT = 1 + COUNT_BYTES + SECRET_BYTES;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Encodes one frame, which is one message of the framing below. */
export function encodeResumeFrame(frame: ResumeFrame): Buffer {
  switch (frame.kind) {
    case 'open':
      return parameters(FRAME_KIND.open, frame, OPEN_BYTES);
    case 'opened': {
      const bytes = parameters(FRAME_KIND.opened, frame, OPENED_BYTES);
      bytes.write(frame.id, OPEN_BYTES, 'latin1');
      bytes.write(frame.secret, OPEN_BYTES + SECRET_BYTES, 'latin1');
      return bytes;
    }
    case 'resume': {
      const bytes = Buffer.alloc(RESUME_LIMIT + LIMIT_BYTES);
      bytes[0] = FRAME_KIND.resume;
      bytes[1] = RESUME_VERSION;
      bytes.write(frame.id, RESUME_ID, 'latin1');
      bytes.write(frame.secret, RESUME_ID + SECRET_BYTES, 'latin1');
      bytes.writeUIntBE(frame.received, RESUME_RECEIVED, COUNT_BYTES);
      bytes.writeUInt32BE(frame.maxFrameBytes ?? NO_LIMIT, RESUME_LIMIT);
      return bytes;
    }
    case 'resumed': {
      const bytes = counted(FRAME_KIND.resumed, frame.received, SECRET_BYTES + LIMIT_BYTES);
      bytes.write(frame.secret, 1 + COUNT_BYTES, 'latin1');
      bytes.writeUInt32BE(frame.maxFrameBytes ?? NO_LIMIT, RESUMED_LIMIT);
      return bytes;
    }
    case 'gone': {
      const bytes = withText(FRAME_KIND.gone, 6, frame.text);
      bytes[1] = frame.code;
      bytes.writeUInt32BE(frame.retryAfterMs, 2);
      return bytes;
    }
    case 'data':
      return Buffer.concat([Buffer.of(FRAME_KIND.data), frame.payload]);
    case 'many':
      return Buffer.concat([Buffer.of(FRAME_KIND.many), ...frame.payloads.flatMap(record)]);
    case 'ack':
      return counted(FRAME_KIND.ack, frame.received, 0);
    case 'end':
      return withText(FRAME_KIND.end, 1, frame.reason);
    case 'move': {
      const { places } = frame;
      const bytes = withText(
        FRAME_KIND.move,
        5,
        places === undefined ? '' : JSON.stringify(places),
      );
      bytes.writeUInt32BE(frame.spreadMs, 1);
      return bytes;
    }
  }
}

function record(payload: Buffer): [Buffer, Buffer] {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeUInt16BE(payload.length);
  return [header, payload];
}

interface Parameters {
  readonly windowMs: number;
  readonly creditBytes: number;
  readonly maxFrameBytes?: number;
}

function parameters(
  kind: number,
  { windowMs, creditBytes, maxFrameBytes = NO_LIMIT }: Parameters,
  length: number,
): Buffer {
  const bytes = Buffer.alloc(length);
  bytes[0] = kind;
  bytes[1] = RESUME_VERSION;
  bytes.writeUInt32BE(windowMs, 2);
  bytes.writeUInt32BE(creditBytes, 6);
  bytes.writeUInt32BE(maxFrameBytes, 10);
  return bytes;
}

function counted(kind: number, count: number, more: number): Buffer {
  const bytes = Buffer.allocUnsafe(1 + COUNT_BYTES + more);
  bytes[0] = kind;
  bytes.writeUIntBE(count, 1, COUNT_BYTES);
  return bytes;
}

function withText(kind: number, before: number, text: string): Buffer {
  const bytes = Buffer.alloc(before + Buffer.byteLength(text));
  bytes[0] = kind;
  bytes.write(text, before);
  return bytes;
}

/**
 * Decodes one frame. The payloads of DATA and MANY are views of the given bytes.
 *
 * @throws DecodeError `MESSAGE_INVALID`, with the first bytes
 */
export function decodeResumeFrame(bytes: Buffer): ResumeFrame | OtherVersion {
  switch (bytes[0]) {
    case FRAME_KIND.open:
      if (hasOtherVersion(bytes)) return { kind: 'other-version', version: bytes[1]! };
      expectLength(bytes, 'OPEN', OPEN_BYTES);
      return { kind: 'open', ...parametersOf(bytes) };
    case FRAME_KIND.opened:
      expectVersion(bytes, 'OPENED');
      expectLength(bytes, 'OPENED', OPENED_BYTES);
      return {
        kind: 'opened',
        ...parametersOf(bytes),
        id: secretAt(bytes, OPEN_BYTES),
        secret: secretAt(bytes, OPEN_BYTES + SECRET_BYTES),
      };
    case FRAME_KIND.resume:
      if (hasOtherVersion(bytes)) return { kind: 'other-version', version: bytes[1]! };
      expectLength(bytes, 'RESUME', RESUME_LIMIT + LIMIT_BYTES);
      return {
        kind: 'resume',
        id: secretAt(bytes, RESUME_ID),
        secret: secretAt(bytes, RESUME_ID + SECRET_BYTES),
        received: bytes.readUIntBE(RESUME_RECEIVED, COUNT_BYTES),
        maxFrameBytes: bytes.readUInt32BE(RESUME_LIMIT),
      };
    case FRAME_KIND.resumed:
      expectLength(bytes, 'RESUMED', RESUMED_LIMIT + LIMIT_BYTES);
      return {
        kind: 'resumed',
        received: bytes.readUIntBE(1, COUNT_BYTES),
        secret: secretAt(bytes, 1 + COUNT_BYTES),
        maxFrameBytes: bytes.readUInt32BE(RESUMED_LIMIT),
      };
    case FRAME_KIND.gone:
      return decodeGone(bytes);
    case FRAME_KIND.data:
      return { kind: 'data', payload: bytes.subarray(1) };
    case FRAME_KIND.many:
      return { kind: 'many', payloads: recordsOf(bytes) };
    case FRAME_KIND.ack:
      expectLength(bytes, 'ACK', 1 + COUNT_BYTES);
      return { kind: 'ack', received: bytes.readUIntBE(1, COUNT_BYTES) };
    case FRAME_KIND.end:
      return { kind: 'end', reason: textFrom(bytes, 'END', 1) };
    case FRAME_KIND.move:
      return decodeMove(bytes);
    default:
      throw invalidFrame(
        bytes,
        bytes.length === 0 ? 'it is empty' : `${bytes[0]} is not a kind of frame`,
      );
  }
}

/** Creates the error for a frame that breaks the protocol, with its first bytes. */
export function invalidFrame(bytes: Uint8Array, why: string): DecodeError {
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
  return new DecodeError(
    'MESSAGE_INVALID',
    `a frame of ${bytes.length} bytes (${shown}) breaks the resume protocol: ${why}`,
    { bytes: bytes.length, first: shown },
  );
}

/**
 * Returns the end of the message whose length is at `at` in a MANY frame. If the message is cut off, the end is after the frame.
 */
export function endOfRecord(bytes: Buffer, at: number): number {
  return at + RECORD_HEADER_BYTES + ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0);
}

/** Creates the error for a MANY frame that ends in the middle of a message. */
export function cutOff(bytes: Buffer): DecodeError {
  return invalidFrame(bytes, 'the last message of MANY is cut off');
}

function recordsOf(bytes: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 1; at < bytes.length; ) {
    const end = endOfRecord(bytes, at);
    if (end > bytes.length) throw cutOff(bytes);
    payloads.push(bytes.subarray(at + RECORD_HEADER_BYTES, end));
    at = end;
  }
  return payloads;
}

function decodeGone(bytes: Buffer): ResumeFrame {
  if (bytes.length < 6) throw short(bytes, 'GONE', 'at least 6');
  const code = bytes[1]!;
  if (code < GONE_CODE.unknown || code > GONE_CODE.refused) {
    throw invalidFrame(bytes, `${code} is not a code of GONE`);
  }
  return {
    kind: 'gone',
    code,
    retryAfterMs: bytes.readUInt32BE(2),
    text: textFrom(bytes, 'GONE', 6),
  };
}

function decodeMove(bytes: Buffer): ResumeFrame {
  if (bytes.length < 5) throw short(bytes, 'MOVE', 'at least 5');
  const spreadMs = bytes.readUInt32BE(1);
  if (bytes.length === 5) return { kind: 'move', spreadMs, places: undefined };
  const text = textFrom(bytes, 'MOVE', 5);
  let places: unknown;
  try {
    places = JSON.parse(text);
  } catch {
    throw invalidFrame(bytes, 'the places of a MOVE are not JSON');
  }
  if (!Array.isArray(places) || !places.every(isPlace)) {
    throw invalidFrame(bytes, 'the places of a MOVE are not a list of { host, port } or { path }');
  }
  return { kind: 'move', spreadMs, places: places.map(placeOf) };
}

function isPlace(place: unknown): place is MovePlace {
  if (typeof place !== 'object' || place === null) return false;
  const { host, port, path } = place as Record<string, unknown>;
  if (path !== undefined)
    return typeof path === 'string' && host === undefined && port === undefined;
  const isPort = Number.isInteger(port) && (port as number) >= 1 && (port as number) <= 65_535;
  return typeof host === 'string' && isPort;
}

/** Copies only known members, because the list came from elsewhere. */
function placeOf(place: MovePlace): MovePlace {
  return 'path' in place ? { path: place.path } : { host: place.host, port: place.port };
}

function hasOtherVersion(bytes: Buffer): boolean {
  return bytes.length > 1 && bytes[1] !== RESUME_VERSION;
}

function expectVersion(bytes: Buffer, name: string): void {
  if (hasOtherVersion(bytes)) throw invalidFrame(bytes, `${name} has version ${bytes[1]}`);
}

function expectLength(bytes: Buffer, name: string, length: number): void {
  if (bytes.length !== length) throw short(bytes, name, String(length));
}

function short(bytes: Buffer, name: string, length: string): DecodeError {
  return invalidFrame(bytes, `${name} has ${length} bytes`);
}

function parametersOf(bytes: Buffer): Parameters {
  return {
    windowMs: bytes.readUInt32BE(2),
    creditBytes: bytes.readUInt32BE(6),
    maxFrameBytes: bytes.readUInt32BE(10),
  };
}

function secretAt(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset, offset + SECRET_BYTES);
}

function textFrom(bytes: Buffer, name: string, offset: number): string {
  try {
    return utf8.decode(bytes.subarray(offset));
  } catch {
    throw invalidFrame(bytes, `the text of ${name} is not UTF-8`);
  }
}
