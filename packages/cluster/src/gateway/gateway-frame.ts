import { Buffer } from 'node:buffer';
import { BODY, type BodyType, MAX_BODY_BYTES } from '../envelope/envelope.ts';

/** The operation of a frame. The first five go from the gateway to the worker, the others back. */
export const OP = {
  /** The worker gets a connection. Number: of the last message before. Body: the attributes of the connection. */
  open: 1,
  message: 2,
  /** Asks which messages were handled. Number: of the last message that was sent. */
  sync: 3,
  /** The connection is closed; numbered and repeated as a message. Body: the reason. */
  closed: 4,
  /** The worker no longer has the connection. Of connection 0: the gateway has heard that the worker forgot what it had. */
  leave: 5,
  /** Number: of the last message that was handled; all before it were, too. */
  ack: 6,
  /** A message to the connection. */
  write: 7,
  /** Close the connection. Body: the reason. */
  close: 8,
  /** There is no such connection here. Of connection 0: this worker took the gateway for gone, and forgot what it had. */
  unknown: 9,
} as const;

export type Op = (typeof OP)[keyof typeof OP];

/** Flags of {@link OP}s; each stands for something else in another op. */
export const FLAG = {
  /** open: another worker had it before. */
  moved: 1,
  /** open: nothing may be left out. */
  acknowledged: 2,
  /** message: a worker that is gone may have handled it. */
  repeated: 1,
  /** ack: what came after `received` had a hole before it, and was not taken. */
  gap: 1,
  /** ack: answers a sync or an open; `echo` is its number. */
  answer: 2,
  /** ack: the body is the attributes. */
  attributes: 4,
} as const;

/**
 * The body of an envelope of kind 8. Big-endian:
 *
 * ```text
 *  0  u8   op
 *  1  u8   body type in the low 4 bits, flags in the high ones
 *  2  u48  connection, of this gateway
 *  8  u32  epoch: which worker of this connection, from 1
 * 12  u48  number
 * 18  u32  version of the attributes that the sender has
 * 22  u48  ack only: received, the last message that came without a hole
 * 28  u48  ack only: echo
 *     the body
 * ```
 */
export interface GatewayFrame {
  readonly op: Op;
  readonly flags: number;
  readonly bodyType: BodyType;
  readonly connection: number;
  readonly epoch: number;
  readonly number: number;
  readonly attributes: number;
  readonly received: number;
  readonly echo: number;
  readonly body: Buffer;
}

const HEADER = 22;
const ACK_HEADER = 34;
/** The limit of one message of a connection. */
export const MAX_MESSAGE_BYTES = MAX_BODY_BYTES - HEADER;

const NOTHING = Buffer.alloc(0);
const DEFAULTS = {
  flags: 0,
  bodyType: BODY.bytes,
  number: 0,
  attributes: 0,
  received: 0,
  echo: 0,
  body: NOTHING,
};

/** A frame with what is not given left at nothing. */
export function frameOf(
  frame: Partial<GatewayFrame> & Pick<GatewayFrame, 'op' | 'connection' | 'epoch'>,
): GatewayFrame {
  return { ...DEFAULTS, ...frame };
}

export function encodeFrame(frame: GatewayFrame): Buffer {
  const { op, body } = frame;
  const header = op === OP.ack ? ACK_HEADER : HEADER;
  const bytes = Buffer.allocUnsafe(header + body.byteLength);
  bytes[0] = op;
  bytes[1] = frame.bodyType | (frame.flags << 4);
  bytes.writeUIntBE(frame.connection, 2, 6);
  bytes.writeUInt32BE(frame.epoch, 8);
  bytes.writeUIntBE(frame.number, 12, 6);
  bytes.writeUInt32BE(frame.attributes, 18);
  if (op === OP.ack) {
    bytes.writeUIntBE(frame.received, 22, 6);
    bytes.writeUIntBE(frame.echo, 28, 6);
  }
  body.copy(bytes, header);
  return bytes;
}

/** The frame, whose body is a view of the bytes; undefined if they are none. Never throws. */
export function decodeFrame(bytes: Buffer): GatewayFrame | undefined {
  if (bytes.byteLength < HEADER) return undefined;
  const op = bytes[0] as Op;
  const bodyType = (bytes[1]! & 0x0f) as BodyType;
  if (op < OP.open || op > OP.unknown || bodyType > BODY.json) return undefined;
  const isAck = op === OP.ack;
  if (isAck && bytes.byteLength < ACK_HEADER) return undefined;
  return {
    op,
    flags: bytes[1]! >> 4,
    bodyType,
    connection: bytes.readUIntBE(2, 6),
    epoch: bytes.readUInt32BE(8),
    number: bytes.readUIntBE(12, 6),
    attributes: bytes.readUInt32BE(18),
    received: isAck ? bytes.readUIntBE(22, 6) : 0,
    echo: isAck ? bytes.readUIntBE(28, 6) : 0,
    body: bytes.subarray(isAck ? ACK_HEADER : HEADER),
  };
}
