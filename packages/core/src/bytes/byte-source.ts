import { Buffer } from 'node:buffer';
import type { ByteSource, OutboundBytes } from '../contract/outbound-bytes.ts';

/**
 * Maximum size of messages that are copied together, in bytes. A larger message is passed on without a copy. A text of more code
 * units is encoded at once, into memory of its own.
 */
export const COPY_BYTES: number = 8 * 1024;

/** Returns true for a message that a byte transport accepts: a Buffer, any Uint8Array, or a {@link ByteSource}. */
export function isOutboundBytes(message: unknown): message is OutboundBytes {
  return message instanceof Uint8Array || isByteSource(message);
}

/** Returns true for output that can write itself into a buffer. */
export function isByteSource(message: unknown): message is ByteSource {
  return (
    typeof message === 'object' &&
    message !== null &&
    typeof (message as ByteSource).writeTo === 'function' &&
    typeof (message as ByteSource).byteLength === 'number'
  );
}

/** Returns the length of outbound bytes. A Buffer's `byteLength` is a call into the engine, but its `length` is not. */
export function byteLengthOf(message: OutboundBytes): number {
  return message instanceof Uint8Array ? message.length : message.byteLength;
}

/**
 * Writes consecutive messages. Returns false if a message that needs no copy is larger than `largest`, or if the messages do not fill
 * the target. A message can have another length than it stated before.
 */
export function writeAll(
  messages: readonly OutboundBytes[],
  target: Buffer,
  largest: number,
): boolean {
  let offset = 0;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (message instanceof Uint8Array) {
      const { length } = message;
      if (length > largest) return false;
      target.set(message, offset);
      offset += length;
    } else {
      const { byteLength } = message;
      if (byteLength > largest && message.appendTo !== undefined) return false;
      message.writeTo(target, offset);
      offset += byteLength;
    }
  }
  return offset === target.length;
}

/** Converts outbound bytes to one Buffer. A Buffer is returned unchanged. */
export function toBuffer(message: OutboundBytes): Buffer {
  if (Buffer.isBuffer(message)) return message;
  if (message instanceof Uint8Array) {
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }
  const buffer = Buffer.allocUnsafe(message.byteLength);
  message.writeTo(buffer, 0);
  return buffer;
}

/** Appends a large message to a list for one system call. The message is copied only if it has no `appendTo`. */
export function appendTo(buffers: Uint8Array[], message: OutboundBytes): void {
  if (message instanceof Uint8Array || message.appendTo === undefined) {
    buffers.push(toBuffer(message));
  } else message.appendTo(buffers);
}

/** Returns the size in bytes of a message that a byte transport accepts, or -1 for any other message. */
export function sizeOfBytes(message: unknown): number {
  if (message instanceof Uint8Array) return message.length;
  if (typeof message !== 'object' || message === null) return -1;
  // Read once, because a source might have to calculate its length.
  const { byteLength, writeTo } = message as Partial<ByteSource>;
  return typeof writeTo === 'function' && typeof byteLength === 'number' ? byteLength : -1;
}
