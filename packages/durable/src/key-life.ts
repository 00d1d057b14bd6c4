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
}

/** The life of a key that only a removal ends, and of a removal that somebody asked for. */
export const LASTING: KeyLife = { ttlMs: undefined, isOfChannel: false, isNodeGone: false };

/** The flags of a life. A time to live follows them as 4 bytes, big-endian. */
const TTL = 1;
const CHANNEL = 2;
const NODE_GONE = 4;
const TTL_BYTES = 4;

/** Returns the body with the life in front. */
export function withLife({ bodyType, body }: Body, life: KeyLife): Body {
  const { ttlMs } = life;
  const headBytes = ttlMs === undefined ? 1 : 1 + TTL_BYTES;
  const bytes = Buffer.allocUnsafe(headBytes + body.byteLength);
  bytes[0] =
    (ttlMs === undefined ? 0 : TTL) |
    (life.isOfChannel ? CHANNEL : 0) |
    (life.isNodeGone ? NODE_GONE : 0);
  if (ttlMs !== undefined) bytes.writeUInt32BE(ttlMs, 1);
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
  const hasTtl = (flags & TTL) !== 0;
  const ttlMs = hasTtl ? body.readUInt32BE(1) : undefined;
  const rest = { bodyType, body: body.subarray(hasTtl ? 1 + TTL_BYTES : 1) };
  if (flags === 0) return { life: LASTING, rest };
  const life = {
    ttlMs,
    isOfChannel: (flags & CHANNEL) !== 0,
    isNodeGone: (flags & NODE_GONE) !== 0,
  };
  return { life, rest };
}
