import { Buffer } from 'node:buffer';
import { createSecretKey, type KeyObject } from 'node:crypto';
import { custom, type OptionKind } from '@headrace/core/authoring';
import { understood } from './understood.ts';

/** Secrets of the nodes. A text stands for its UTF-8 bytes. */
export type NodeKeys = readonly (string | Uint8Array)[];

const MAX_KEYS = 8;
const KEY_BYTES = 16;
const KEYS = `up to ${MAX_KEYS} secrets of at least ${KEY_BYTES} bytes`;

/** The option `keys`. */
export const NODE_KEYS: OptionKind<NodeKeys, NodeKeys, never> = custom(
  KEYS,
  understood<NodeKeys, NodeKeys>(KEYS, toKeys),
  { default: [] },
);

/** Returns the secrets in the form that an HMAC needs. */
export function secretKeys(keys: NodeKeys): readonly KeyObject[] {
  return keys.map((key) =>
    typeof key === 'string' ? createSecretKey(key, 'utf8') : createSecretKey(key),
  );
}

function toKeys(given: NodeKeys): NodeKeys | undefined {
  if (!Array.isArray(given) || given.length > MAX_KEYS) return undefined;
  // `every` skips a hole in an array, and then no message would be sealed.
  const keys = Array.from<string | Uint8Array>(given);
  return keys.every(isKey) ? keys : undefined;
}

function isKey(given: unknown): boolean {
  const isOfBytes = typeof given === 'string' || given instanceof Uint8Array;
  return isOfBytes && Buffer.byteLength(given) >= KEY_BYTES;
}
