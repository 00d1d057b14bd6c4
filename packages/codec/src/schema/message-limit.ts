import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import { whole } from '@headrace/core/authoring';

/** Options of every codec that makes values from a message whose shape the peer decides. */
export interface MessageLimitOptions {
  /**
   * Maximum count of a message: its bytes, plus 64 for each value in it. A value is an object, array, key, text or number. In
   * Protocol Buffers, each declared or sent field is a value. The decoded message uses at most four times the limit in memory. A
   * limit on the frame alone does not bound the memory. An empty object takes three bytes of JSON and 67 bytes of memory.
   * @default 16_777_216 (16 MiB)
   */
  readonly maxMessageBytes?: number;
}

export const MESSAGE_LIMIT = whole({ min: 1, default: 16 * 1024 * 1024 });

/** The count of each value, in addition to its bytes. According to measurements, no value uses more than four times this sum. */
export const VALUE_BYTES = 64;

/**
 * Refuses a message whose count is too large, before its value is made. If the message is short enough, its values are not
 * counted.
 */
export function checkMessage(
  bytes: Uint8Array,
  maxMessageBytes: number,
  countValues: (bytes: Uint8Array) => number,
): void {
  if (bytes.length * (1 + VALUE_BYTES) > maxMessageBytes) {
    checkCount(bytes, countValues(bytes), maxMessageBytes);
  }
}

/** Maximum number of UTF-8 bytes for each unit of a string. */
const UNIT_BYTES = 3;

/** Checks a text as {@link checkMessage} checks bytes. The bytes of the text are made only if its count can be too large. */
export function checkText(
  text: string,
  maxMessageBytes: number,
  countValues: (bytes: Uint8Array) => number,
): void {
  if (text.length * UNIT_BYTES * (1 + VALUE_BYTES) <= maxMessageBytes) return;
  checkMessage(Buffer.from(text), maxMessageBytes, countValues);
}

/**
 * Refuses a message whose count is too large with this number of values.
 *
 * @throws DecodeError `FRAME_TOO_LONG`
 */
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
