import type { StateLimits, StateRefusal, StateWrite } from './state-log.ts';

/** The number and the size of the keys of a state that are not removed. */
export interface StateCounts {
  readonly keys: number;
  readonly bytes: number;
}

/** Returns true if a change does not fit the version of its key, or 0 for a key that does not exist. */
export function isConflict({ expected, isRemoval }: StateWrite, version: number): boolean {
  const isOther = expected !== undefined && expected !== version;
  return isOther || (isRemoval && version === 0);
}

/**
 * Returns the limit that a change exceeds, if it does. A state whose limits were lowered can always become smaller.
 *
 * @param limits - the limits of the node that asks for the change
 * @param size - the size of the present entry of the key, if the key exists
 */
export function refusalOf(
  { byteLength, isRemoval }: StateWrite,
  limits: StateLimits,
  { keys, bytes }: StateCounts,
  size: number | undefined,
): StateRefusal | undefined {
  if (isRemoval) return undefined;
  if (size === undefined && keys >= limits.keys) return { full: 'keys', size: keys };
  const more = byteLength - (size ?? 0);
  const isOver = more > 0 && bytes + more > limits.bytes;
  return isOver ? { full: 'bytes', size: bytes + more } : undefined;
}
