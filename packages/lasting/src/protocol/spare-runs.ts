import { Buffer } from 'node:buffer';
import { KeptRun } from './kept-run.ts';

const SMALLEST_BITS = 8;
const LARGEST_BITS = 14;
/** Bytes of spare memory that are kept for each size. */
const SPARE_BYTES = 256 * 1024;

/** Maximum size of memory that is reused. */
export const LARGEST_SPARE_BYTES: number = 1 << LARGEST_BITS;

/** Empty runs of all channels, by the power of two of their memory. */
const spares: KeptRun[][] = [];

/** Returns a run with memory for this number of bytes. */
export function takeRun(bytes: number): KeptRun {
  if (bytes > LARGEST_SPARE_BYTES) return new KeptRun(Buffer.allocUnsafeSlow(bytes));
  const bits = bitsOf(bytes);
  const run = spares[bits]?.pop();
  if (run === undefined) return new KeptRun(Buffer.allocUnsafeSlow(1 << bits));
  run.clear();
  return run;
}

/** Takes back a run whose messages are acknowledged. The run is reused if no write may still read its memory. */
export function giveBack(run: KeptRun): void {
  const { length } = run.memory;
  const bits = bitsOf(length);
  if (run.isLent || run.isShared || length > LARGEST_SPARE_BYTES || length !== 1 << bits) return;
  spares[bits] ??= [];
  if (spares[bits].length < SPARE_BYTES >> bits) spares[bits].push(run);
}

function bitsOf(bytes: number): number {
  return Math.max(SMALLEST_BITS, 32 - Math.clz32(bytes - 1));
}
