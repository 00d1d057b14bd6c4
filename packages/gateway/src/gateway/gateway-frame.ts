import { Buffer } from 'node:buffer';
import { BODY, type BodyType, MAX_BODY_BYTES } from '@headrace/cluster/authoring';
import { present } from '@headrace/core/authoring';

/** The operation of a frame. A gateway sends the first five and the last to a worker, which sends the others to a gateway. */
export const OP = {
  /**
   * Gives the worker a connection. The number is that of the last message before. The body contains the connection's attributes.
   */
  open: 1,
  message: 2,
  /**
   * Asks which messages were handled. The number is that of the last message sent. With connection 0, the worker was
   * silent: the worker acknowledges all its connections, and then connection 0.
   */
  sync: 3,
  /** The connection is closed. The frame is numbered and repeated like a message. The body contains the reason. */
  closed: 4,
  /**
   * The worker no longer has the connection. With connection 0, the gateway confirms that the worker has forgotten its
   * connections.
   */
  leave: 5,
  /** Acknowledges messages. The number is that of the last handled message. All messages before it were handled too. */
  ack: 6,
  /** Contains a message to the connection. With acknowledgements, the frame is numbered and repeated. */
  write: 7,
  /** Closes the connection. The body contains the reason. The frame is numbered like a write. */
  close: 8,
  /**
   * The worker does not know the connection. With connection 0, the worker considered the gateway gone, and has forgotten the
   * gateway's connections.
   */
  unknown: 9,
  /**
   * The worker leaves, and gives its connections back when the gateway asks for them. The frame is repeated until the worker has
   * no connections. The connection is 0.
   */
  leaves: 10,
  /** The form of an `ack` with the number of the last write before it. Only this file knows it: in memory, it is an `ack`. */
  numberedAck: 11,
  /** Confirms numbered frames and attributes of many connections; see {@link Confirmation}. The connection is 0. */
  confirm: 12,
} as const;

export type Op = (typeof OP)[keyof typeof OP];

/** Flags of {@link OP}s. Each flag has another meaning in another op. */
export const FLAG = {
  /** open: another worker had the connection before. */
  moved: 1,
  /** open: no message may be left out. */
  acknowledged: 2,
  /** sync: the worker must give the connection back, and receives no more messages. */
  giveBack: 1,
  /** message: a worker that is gone may have handled the message. */
  repeated: 1,
  /** ack: the frame after `received` did not follow it, and was not accepted. */
  gap: 1,
  /** ack: the answer to a sync or an open, with its number in `echo`. */
  answer: 2,
  /** ack: the body contains the attributes. */
  attributes: 4,
  /**
   * ack: the worker has given the connection back. With acknowledgements, it has not begun the messages after the number, and will
   * not.
   */
  givenBack: 8,
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
 * 34  u48  numberedAck only: the last write or close before it
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
  /** Undefined if the worker does not number its frames. */
  readonly answers: number | undefined;
  readonly body: Buffer;
}

const HEADER = 22;
const ACK_HEADER = 34;
const NUMBERED_ACK_HEADER = 40;
/** Time after which a worker repeats a word to its gateways, because a frame can be lost. */
export const TELL_EVERY_MS = 1000;

/**
 * Returns the maximum length of a message of a connection, or of its attributes in an acknowledgement. A longer frame would be
 * dropped by the bus each time that it is sent.
 */
export function roomInFrame(op: Op, maxBodyBytes = MAX_BODY_BYTES): number {
  return maxBodyBytes - (op === OP.ack ? NUMBERED_ACK_HEADER : HEADER);
}

const NOTHING = Buffer.alloc(0);
const DEFAULTS = {
  flags: 0,
  bodyType: BODY.bytes,
  number: 0,
  attributes: 0,
  received: 0,
  echo: 0,
  answers: undefined,
  body: NOTHING,
};

/** Makes a frame, with empty values for the missing fields. */
export function frameOf(
  frame: Partial<GatewayFrame> & Pick<GatewayFrame, 'op' | 'connection' | 'epoch'>,
): GatewayFrame {
  return { ...DEFAULTS, ...present(frame) };
}

export function encodeFrame(frame: GatewayFrame): Buffer {
  const { body, answers } = frame;
  const op = answers === undefined ? frame.op : OP.numberedAck;
  const header = headerOf(op);
  const bytes = Buffer.allocUnsafe(header + body.byteLength);
  bytes[0] = op;
  bytes[1] = frame.bodyType | (frame.flags << 4);
  bytes.writeUIntBE(frame.connection, 2, 6);
  bytes.writeUInt32BE(frame.epoch, 8);
  bytes.writeUIntBE(frame.number, 12, 6);
  bytes.writeUInt32BE(frame.attributes, 18);
  if (header > HEADER) {
    bytes.writeUIntBE(frame.received, 22, 6);
    bytes.writeUIntBE(frame.echo, 28, 6);
  }
  if (answers !== undefined) bytes.writeUIntBE(answers, 34, 6);
  body.copy(bytes, header);
  return bytes;
}

/** Decodes a frame. Its body is a view of the bytes. Returns undefined if the bytes are not a frame. Never throws. */
export function decodeFrame(bytes: Buffer): GatewayFrame | undefined {
  if (bytes.byteLength < HEADER) return undefined;
  const op = bytes[0] as Op;
  const bodyType = (bytes[1]! & 0x0f) as BodyType;
  if (op < OP.open || op > OP.confirm || bodyType > BODY.json) return undefined;
  const header = headerOf(op);
  if (bytes.byteLength < header) return undefined;
  const isAck = header > HEADER;
  return {
    op: isAck ? OP.ack : op,
    flags: bytes[1]! >> 4,
    bodyType,
    connection: bytes.readUIntBE(2, 6),
    epoch: bytes.readUInt32BE(8),
    number: bytes.readUIntBE(12, 6),
    attributes: bytes.readUInt32BE(18),
    received: isAck ? bytes.readUIntBE(22, 6) : 0,
    echo: isAck ? bytes.readUIntBE(28, 6) : 0,
    answers: op === OP.numberedAck ? bytes.readUIntBE(34, 6) : undefined,
    body: bytes.subarray(header),
  };
}

function headerOf(op: Op): number {
  if (op === OP.numberedAck) return NUMBERED_ACK_HEADER;
  return op === OP.ack ? ACK_HEADER : HEADER;
}

/**
 * What a gateway has of one connection's worker, as a part of the body of a `confirm`. Big-endian:
 *
 * ```text
 *  0  u48  connection
 *  6  u32  epoch
 * 10  u48  number of the last write or close without a gap before it
 * 16  u32  version of the attributes
 * 20  u8   1 if a later frame has come, so that the frames after the number must be sent again
 * ```
 */
export interface Confirmation {
  readonly connection: number;
  readonly epoch: number;
  readonly number: number;
  readonly attributes: number;
  readonly isGap: boolean;
}

const CONFIRMATION = 21;
const MAX_CONFIRM_BYTES = 65_536;

/** Makes as few frames as fit on the bus. */
export function encodeConfirmations(
  all: readonly Confirmation[],
  maxBodyBytes = MAX_CONFIRM_BYTES,
): Buffer[] {
  const room = Math.min(maxBodyBytes, MAX_CONFIRM_BYTES) - HEADER;
  const inFrame = Math.max(1, Math.floor(room / CONFIRMATION));
  const frames: Buffer[] = [];
  for (let from = 0; from < all.length; from += inFrame) {
    const part = all.slice(from, from + inFrame);
    const body = Buffer.allocUnsafe(part.length * CONFIRMATION);
    for (const [i, { connection, epoch, number, attributes, isGap }] of part.entries()) {
      const at = i * CONFIRMATION;
      body.writeUIntBE(connection, at, 6);
      body.writeUInt32BE(epoch, at + 6);
      body.writeUIntBE(number, at + 10, 6);
      body.writeUInt32BE(attributes, at + 16);
      body[at + 20] = isGap ? 1 : 0;
    }
    frames.push(encodeFrame(frameOf({ op: OP.confirm, connection: 0, epoch: 0, body })));
  }
  return frames;
}

/** Decodes the body of a `confirm`. Never throws. */
export function decodeConfirmations(body: Buffer): Confirmation[] {
  const count = Math.floor(body.byteLength / CONFIRMATION);
  return Array.from({ length: count }, (_, i) => {
    const at = i * CONFIRMATION;
    return {
      connection: body.readUIntBE(at, 6),
      epoch: body.readUInt32BE(at + 6),
      number: body.readUIntBE(at + 10, 6),
      attributes: body.readUInt32BE(at + 16),
      isGap: body[at + 20] === 1,
    };
  });
}
