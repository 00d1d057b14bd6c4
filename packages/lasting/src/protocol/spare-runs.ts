import { Buffer } from 'node:buffer';
import { KeptRun } from './kept-run.ts';

const SMALLEST_BITS = 8;
const LARGEST_BITS = 14;
/** Bytes of spare memory that are kept of each size. */
const SPARE_BYTES = 256 * 1024;

/** The longest memory that serves again. */
export const LARGEST_SPARE_BYTES: number = 1 << LARGEST_BITS;

/** Runs without messages, by the power of two that their memory has: those of all channels. */
const spares: KeptRun[][] = [];

/** A run with memory for so many bytes. */
export function takeRun(bytes: number): KeptRun {
  if (bytes > LARGEST_SPARE_BYTES) return new KeptRun(Buffer.allocUnsafeSlow(bytes));
  const bits = bitsOf(bytes);
  const run = spares[bits]?.pop();
  if (run === undefined) return new KeptRun(Buffer.allocUnsafeSlow(1 << bits));
  run.clear();
  return run;
}

/** Takes back a run whose messages are acknowledged; it serves again if no write may still read its memory. */
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
