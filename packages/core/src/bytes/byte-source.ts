import { Buffer } from 'node:buffer';
import type { ByteSource, OutboundBytes } from '../contract.ts';

/** True for a message that a byte transport takes: a Buffer, any Uint8Array, or a {@link ByteSource}. */
export function isOutboundBytes(message: unknown): message is OutboundBytes {
  return message instanceof Uint8Array || isByteSource(message);
}

/** True for output that can write itself into a buffer. */
export function isByteSource(message: unknown): message is ByteSource {
  return (
    typeof message === 'object' &&
    message !== null &&
    typeof (message as ByteSource).writeTo === 'function' &&
    typeof (message as ByteSource).byteLength === 'number'
  );
}

/** How long outbound bytes are. A Buffer's own `byteLength` is a call into the engine, its `length` is not. */
export function byteLengthOf(message: OutboundBytes): number {
  return message instanceof Uint8Array ? message.length : message.byteLength;
}

/**
 * Writes consecutive messages. False if one is larger than `largest`, and if they do not fill the
 * target: a message may not be as long as it stated before.
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
      if (byteLength > largest) return false;
      message.writeTo(target, offset);
      offset += byteLength;
    }
  }
  return offset === target.length;
}

/** One Buffer of any outbound bytes; a Buffer is returned as it is. */
export function toBuffer(message: OutboundBytes): Buffer {
  if (Buffer.isBuffer(message)) return message;
  if (message instanceof Uint8Array) {
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }
  const buffer = Buffer.allocUnsafe(message.byteLength);
  message.writeTo(buffer, 0);
  return buffer;
}

/** Appends a large message to what the kernel gets in one call, without a copy if it has none to make. */
export function appendTo(buffers: Uint8Array[], message: OutboundBytes): void {
  if (message instanceof Uint8Array || message.appendTo === undefined) {
    buffers.push(toBuffer(message));
  } else message.appendTo(buffers);
}

/** The size in bytes of a message that a byte transport takes, -1 for any other. */
export function sizeOfBytes(message: unknown): number {
  if (message instanceof Uint8Array) return message.length;
  if (typeof message !== 'object' || message === null) return -1;
  // Asked once: a source may have to count.
  const { byteLength, writeTo } = message as Partial<ByteSource>;
  return typeof writeTo === 'function' && typeof byteLength === 'number' ? byteLength : -1;
}
