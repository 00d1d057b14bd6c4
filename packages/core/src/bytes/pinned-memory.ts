import { Buffer } from 'node:buffer';
import type { Fifo } from '../queue/fifo.ts';
import { isByteSource } from './byte-source.ts';

/** A view of less than this part of its memory is copied when it is kept. */
const SMALL_PART = 1 / 4;
/** Memory of fewer bytes than this is not worth a copy. */
const SMALL_MEMORY_BYTES = 1024;

function isSmall(bytes: number, memory: ArrayBufferLike): boolean {
  return memory.byteLength >= SMALL_MEMORY_BYTES && bytes < memory.byteLength * SMALL_PART;
}

/**
 * A message to be kept for longer than its read: bytes that are a small part of the memory of their read are copied
 * into memory of their own, since a view keeps all of that memory alive. Anything else is returned as it is.
 */
export function unpinned<T>(message: T): T {
  if (!(message instanceof Uint8Array) || !isSmall(message.length, message.buffer)) return message;
  const copy = Buffer.allocUnsafeSlow(message.length);
  copy.set(message);
  return copy as Uint8Array as T;
}

/** A source of more bytes than this may have a body that is a large part of the memory of its read. */
const SMALL_SOURCE_BYTES = 17 * 1024;

/**
 * As {@link unpinned} for output of a byte transport: a source of few bytes, such as a header and a body that was read,
 * becomes a copy, too, unless it says that it owns its memory.
 */
export function unpinnedOutput(message: unknown): unknown {
  if (message instanceof Uint8Array) return unpinned(message);
  if (!isByteSource(message) || message.ownsMemory === true) return message;
  if (message.byteLength > SMALL_SOURCE_BYTES) return message;
  const copy = Buffer.allocUnsafeSlow(message.byteLength);
  try {
    message.writeTo(copy, 0);
  } catch {
    // It fails where it is sent, with the others of its batch.
    return message;
  }
  return copy;
}

/**
 * As {@link unpinned} for what a queue keeps from the place `from` on, with one new piece of memory for each that the
 * messages were read into: many small messages of one read cost one copy, not one piece of memory each.
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
