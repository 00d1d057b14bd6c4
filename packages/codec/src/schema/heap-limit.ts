import { DecodeError } from '@headrace/core';
import { checkNumber } from '@headrace/core/authoring';

/** Options of every codec that makes values of a message whose shape the peer decides. */
export interface HeapLimitOptions {
  /**
   * The most memory that the value of one message may take on the heap, in bytes, roughly: what is held is at
   * most four times as much. An empty object is three bytes of JSON, or one of MessagePack, and 67 bytes of
   * memory, so a limit on the frame alone allows far more. Messages that are too short for four times
   * the limit are not examined (up to 2 MiB of JSON with the default). @default 16_777_216 (16 MiB)
   */
  readonly maxHeapBytes?: number;
}

const DEFAULT_MAX_HEAP_BYTES = 16 * 1024 * 1024;

/** The option, checked, or its default. */
export function heapLimitOf({ maxHeapBytes = DEFAULT_MAX_HEAP_BYTES }: HeapLimitOptions): number {
  return checkNumber('maxHeapBytes', maxHeapBytes, { min: 1, integer: true });
}

/**
 * Refuses a message whose value would take more than allowed, before it is made.
 *
 * @param perByte - no byte takes more than four times this: shorter messages than `maxHeapBytes / perByte` stay
 *   within four times the limit, and need no estimate
 * @param estimate - how much heap the value of these bytes takes; at least a quarter of the real size
 */
export function checkHeap(
  bytes: Uint8Array,
  maxHeapBytes: number,
  perByte: number,
  estimate: (bytes: Uint8Array) => number,
): void {
  if (bytes.length * perByte <= maxHeapBytes) return;
  const heapBytes = estimate(bytes);
  if (heapBytes <= maxHeapBytes) return;
  throw new DecodeError(
    'FRAME_TOO_LONG',
    `the value of a message of ${bytes.length} bytes would take about ${heapBytes} bytes of memory, ` +
      `more than maxHeapBytes, ${maxHeapBytes}`,
    { bytes: bytes.length, heapBytes, maxHeapBytes },
  );
}
