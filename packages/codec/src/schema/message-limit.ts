import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { whole } from '@headrace/core/authoring';

/** Options of every codec that makes values of a message whose shape the peer decides. */
export interface MessageLimitOptions {
  /**
   * The most that one message may count: its bytes, and 64 for each value in it (each object, array, key, text,
   * number; in Protocol Buffers each field, declared or sent). The decoded message takes at most four times as much
   * memory. A limit on the frame alone does not bound it: an empty object is three bytes of JSON and 67 bytes of
   * memory. @default 16_777_216 (16 MiB)
   */
  readonly maxMessageBytes?: number;
}

export const MESSAGE_LIMIT = whole({ min: 1, default: 16 * 1024 * 1024 });

/** Counted for each value, beside its bytes. Measured: no value takes more than four times both. */
export const VALUE_BYTES = 64;

/**
 * Refuses a message that counts too much, before its value is made. The values of a message that is short enough are
 * not counted.
 *
 * @param valuesPerByte - no message has more values than this for each of its bytes
 */
export function checkMessage(
  bytes: Uint8Array,
  maxMessageBytes: number,
  countValues: (bytes: Uint8Array) => number,
  valuesPerByte = 1,
): void {
  if (bytes.length * (1 + VALUE_BYTES * valuesPerByte) > maxMessageBytes) {
    checkCount(bytes, countValues(bytes), maxMessageBytes);
  }
}

/** UTF-8 has at most so many bytes for each unit of a string. */
const UNIT_BYTES = 3;

/** As {@link checkMessage} for a text: its bytes are made only to be counted, where it may count too much. */
export function checkText(
  text: string,
  maxMessageBytes: number,
  countValues: (bytes: Uint8Array) => number,
): void {
  if (text.length * UNIT_BYTES * (1 + VALUE_BYTES) <= maxMessageBytes) return;
  checkMessage(Buffer.from(text), maxMessageBytes, countValues);
}

/** Refuses a message that counts too much with this many values. */
export function checkCount(
  bytes: Uint8Array,
  values: number,
  most: number,
  option = 'maxMessageBytes',
): void {
  const count = bytes.length + VALUE_BYTES * values;
  if (count <= most) return;
  throw new DecodeError(
    'FRAME_TOO_LONG',
    `a message of ${bytes.length} bytes and ${values} values counts ${count} bytes (${VALUE_BYTES} for each value), ` +
      `more than ${option}, ${most}`,
    { bytes: bytes.length, values, count, [option]: most },
  );
}
