import type { ByteSource } from '../contract.ts';

/** The size of what a byte transport takes, -1 for anything else. */
export function sizeOfBytes(message: unknown): number {
  if (message instanceof Uint8Array) return message.length;
  if (typeof message !== 'object' || message === null) return -1;
  // Asked once: a source may have to count.
  const { byteLength, writeTo } = message as Partial<ByteSource>;
  return typeof writeTo === 'function' && typeof byteLength === 'number' ? byteLength : -1;
}
