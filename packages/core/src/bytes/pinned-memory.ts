import { Buffer } from 'node:buffer';
import type { Fifo } from '../queue/fifo.ts';
import { isByteSource } from './byte-source.ts';

/** A kept view of less than this fraction of its memory is copied. */
const SMALL_PART = 1 / 4;
/** Minimum size of memory for a copy, in bytes. */
const SMALL_MEMORY_BYTES = 1024;

function isSmall(bytes: number, memory: ArrayBufferLike): boolean {
  return memory.byteLength >= SMALL_MEMORY_BYTES && bytes < memory.byteLength * SMALL_PART;
}

/**
 * Returns a message that can be kept for longer than its read. Bytes that are a small part of the memory of their read are
 * copied, because a view keeps all of that memory alive. Other messages are returned unchanged.
 */
export function unpinned<T>(message: T): T {
  if (!(message instanceof Uint8Array) || !isSmall(message.length, message.buffer)) return message;
  const copy = Buffer.allocUnsafeSlow(message.length);
  copy.set(message);
  return copy as Uint8Array as T;
}

/**
 * Maximum size of a source that is copied, in bytes. The body of a larger source can be a large part of the memory of its read.
 */
const SMALL_SOURCE_BYTES = 17 * 1024;

/**
 * Copies output of a byte transport as {@link unpinned} does. A source of few bytes, such as a header and a body that was read,
 * is also copied, unless it owns its memory.
 */
export function unpinnedOutput(message: unknown): unknown {
  if (message instanceof Uint8Array) return unpinned(message);
  if (!isByteSource(message) || message.ownsMemory === true) return message;
  if (message.byteLength > SMALL_SOURCE_BYTES) return message;
  const copy = Buffer.allocUnsafeSlow(message.byteLength);
  try {
    message.writeTo(copy, 0);
  } catch {
    // The source fails when it is sent, with the others of its batch.
    return message;
  }
  return copy;
}

/**
 * Applies {@link unpinned} to the entries of a queue from the index `from` on. All small messages of one read share one new
 * piece of memory.
 */
export function unpinAll(queue: Fifo<unknown>, from: number): void {
  let bytesOf: Map<ArrayBufferLike, number> | undefined;
  for (let at = from; at < queue.size; at++) {
    const message = queue.at(at);
    if (!(message instanceof Uint8Array)) continue;
    bytesOf ??= new Map();
    bytesOf.set(message.buffer, (bytesOf.get(message.buffer) ?? 0) + message.length);
  }
  if (bytesOf === undefined) return;
  for (const [memory, bytes] of bytesOf)
    if (isSmall(bytes, memory)) move(queue, from, memory, bytes);
}

function move(queue: Fifo<unknown>, from: number, memory: ArrayBufferLike, bytes: number): void {
  const own = Buffer.allocUnsafeSlow(bytes);
  let end = 0;
  for (let at = from; at < queue.size; at++) {
    const message = queue.at(at);
    if (!(message instanceof Uint8Array) || message.buffer !== memory) continue;
    own.set(message, end);
    queue.replace(at, own.subarray(end, end + message.length));
    end += message.length;
  }
}
