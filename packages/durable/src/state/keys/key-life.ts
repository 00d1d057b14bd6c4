import { Buffer } from 'node:buffer';
import type { Body } from '@headrace/cluster/authoring';

/** The life of a key of a state group, as it is stored with each change. */
export interface KeyLife {
  /** Time after the change at which the key is removed, in milliseconds. */
  readonly ttlMs: number | undefined;
  /** Whether the key lives as long as a channel of the node that wrote it. */
  readonly isOfChannel: boolean;
  /** Of a removal: whether another node removed the key because it took the node of its channel for gone. */
  readonly isNodeGone: boolean;
  /** The version of the key's row in the database of the application, if it gave one. */
  readonly rowVersion: number | undefined;
}

/** The life of a key that only a removal ends, and of a removal that somebody asked for. */
export const LASTING: KeyLife = {
  ttlMs: undefined,
  isOfChannel: false,
  isNodeGone: false,
  rowVersion: undefined,
};

/**
 * The flags of a life. A time to live follows them as 4 bytes, big-endian. Then follows the version of a row as a double, which is
 * exact for whole numbers up to `Number.MAX_SAFE_INTEGER`.
 */
const TTL = 1;
const CHANNEL = 2;
const NODE_GONE = 4;
const ROW = 8;
const TTL_BYTES = 4;
const ROW_BYTES = 8;

/** Returns the body with the life in front. */
export function withLife({ bodyType, body }: Body, life: KeyLife): Body {
  const { ttlMs, rowVersion } = life;
  const flags =
    (ttlMs === undefined ? 0 : TTL) |
    (life.isOfChannel ? CHANNEL : 0) |
    (life.isNodeGone ? NODE_GONE : 0) |
    (rowVersion === undefined ? 0 : ROW);
  const headBytes = headBytesOf(flags);
  const bytes = Buffer.allocUnsafe(headBytes + body.byteLength);
  bytes[0] = flags;
  if (ttlMs !== undefined) bytes.writeUInt32BE(ttlMs, 1);
  if (rowVersion !== undefined) bytes.writeDoubleBE(rowVersion, headBytes - ROW_BYTES);
  body.copy(bytes, headBytes);
  return { bodyType, body: bytes };
}

/**
 * Returns the life, and the body without it.
 *
 * @throws RangeError for a body that has none
 */
export function splitLife({ bodyType, body }: Body): {
  readonly life: KeyLife;
  readonly rest: Body;
} {
  const flags = body.readUInt8(0);
  const headBytes = headBytesOf(flags);
  const rest = { bodyType, body: body.subarray(headBytes) };
  if (flags === 0) return { life: LASTING, rest };
  const life = {
    ttlMs: (flags & TTL) === 0 ? undefined : body.readUInt32BE(1),
    isOfChannel: (flags & CHANNEL) !== 0,
    isNodeGone: (flags & NODE_GONE) !== 0,
    rowVersion: (flags & ROW) === 0 ? undefined : body.readDoubleBE(headBytes - ROW_BYTES),
  };
  return { life, rest };
}

function headBytesOf(flags: number): number {
  return 1 + ((flags & TTL) === 0 ? 0 : TTL_BYTES) + ((flags & ROW) === 0 ? 0 : ROW_BYTES);
}
