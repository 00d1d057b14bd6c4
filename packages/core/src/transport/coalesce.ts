import { Buffer } from 'node:buffer';
import { appendTo, byteLengthOf, COPY_BYTES, toBuffer, writeAll } from '../bytes/byte-source.ts';
import type { OutboundBytes } from '../contract/outbound-bytes.ts';

const CHUNK_BYTES = 64 * 1024;

/**
 * Returns the buffers to hand to the kernel for these messages, in order. Runs of small messages are copied into one
 * buffer. Large messages are not copied. `bytes` is the total length of the messages, if it is known.
 *
 * @param isList - whether the kernel receives the buffers in one call; a large message of several parts then needs no
 * copy
 */
export function coalesce(
  messages: readonly OutboundBytes[],
  bytes: number = Number.POSITIVE_INFINITY,
  isList = true,
): Buffer[] {
  if (messages.length > 1 && bytes > 0 && bytes <= COPY_BYTES) {
    // The usual case: no message can be large.
    const joined = Buffer.allocUnsafe(bytes);
    if (writeAll(messages, joined, COPY_BYTES)) return [joined];
  }
  const buffers: Buffer[] = [];
  let start = 0;
  let runBytes = 0;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    const size = byteLengthOf(message);
    const isLarge = size > COPY_BYTES;
    if (isLarge || runBytes + size > CHUNK_BYTES) {
      addRun(buffers, messages, start, i, runBytes);
      start = i;
      runBytes = 0;
    }
    if (isLarge) {
      if (isList) appendTo(buffers, message);
      else buffers.push(toBuffer(message));
      start = i + 1;
    } else runBytes += size;
  }
  addRun(buffers, messages, start, messages.length, runBytes);
  return buffers;
}

function addRun(
  buffers: Buffer[],
  messages: readonly OutboundBytes[],
  start: number,
  end: number,
  bytes: number,
): void {
  if (start === end || bytes === 0) return;
  if (end - start === 1) {
    buffers.push(toBuffer(messages[start]!));
    return;
  }
  const joined = Buffer.allocUnsafe(bytes);
  let offset = 0;
  for (let i = start; i < end; i++) {
    const message = messages[i]!;
    if (message instanceof Uint8Array) joined.set(message, offset);
    else message.writeTo(joined, offset);
    offset += byteLengthOf(message);
  }
  buffers.push(joined);
}
