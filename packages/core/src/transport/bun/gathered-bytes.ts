import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '../../contract.ts';
import { writeAll } from '../../internal/byte-source.ts';

const MOST_BYTES = 64 * 1024;
/** Messages up to this size are copied together; larger ones are passed on as they are. */
const COPY_BYTES = 8 * 1024;

/** One for all connections: the kernel takes its copy within the call of a write. */
const memory = Buffer.allocUnsafeSlow(MOST_BYTES);
/** A message that sends another one while it is written must not write over it. */
let isTaken = false;
/** What was used last: replies are often as long as those before. */
let window = memory;

/**
 * The messages, `bytes` long together, at the start of memory that all connections share, to be given back with
 * {@link release}; `undefined` if one is too large to be copied, or all together are, or the memory is in use.
 */
export function gather(messages: readonly OutboundBytes[], bytes: number): Buffer | undefined {
  if (isTaken || bytes > MOST_BYTES) return undefined;
  if (window.length !== bytes) window = memory.subarray(0, bytes);
  isTaken = true;
  let isWhole = false;
  try {
    isWhole = writeAll(messages, window, COPY_BYTES);
  } finally {
    isTaken = isWhole;
  }
  return isWhole ? window : undefined;
}

/** What was gathered has been sent, or copied. */
export function release(): void {
  isTaken = false;
}
