import { Buffer } from 'node:buffer';
import type { OutboundBytes } from '../../contract.ts';
import { writeAll } from '../byte-source.ts';

/** Messages up to this size are copied together; larger ones are passed on as they are. */
const COPY_BYTES = 8 * 1024;
const LARGEST_BITS = 16;
const SMALLEST_BITS = 8;

/**
 * Memory to gather small messages in, one piece for each power of two: nearly always the kernel takes the
 * bytes within the call, and the piece serves again, for any connection. When it does not, the piece is given
 * away, and holds at most twice what it must.
 */
const pieces: (Buffer | undefined)[] = [];
/** Views of the pieces, each of the length that was used last: replies are often as long as those before. */
const views: (Buffer | undefined)[] = [];
/**
 * Memory is in use, from the gathering until it is released: a message that sends another one while it is
 * written, or a callback from within the system's write, must not write over it.
 */
let isBusy = false;

/**
 * The messages, `bytes` long together, as one Buffer, which has to be released with {@link reuseGathered} or
 * {@link keepGathered}; `undefined` if one is too large to be copied, or all together are, or memory is in use.
 */
export function gather(messages: readonly OutboundBytes[], bytes: number): Buffer | undefined {
  if (bytes === 0 || bytes > 1 << LARGEST_BITS || isBusy) return undefined;
  const view = viewOf(bytes);
  isBusy = true;
  let isWhole = false;
  try {
    isWhole = writeAll(messages, view, COPY_BYTES);
  } finally {
    isBusy = isWhole;
  }
  return isWhole ? view : undefined;
}

/** The kernel has a copy of what was gathered: its memory serves again. */
export function reuseGathered(): void {
  isBusy = false;
}

/** What was gathered is still in use, or may be: the next call takes other memory. */
export function keepGathered(view: Buffer): void {
  isBusy = false;
  const bits = bitsOf(view.length);
  if (views[bits] !== view) return;
  pieces[bits] = undefined;
  views[bits] = undefined;
}

function viewOf(bytes: number): Buffer {
  const bits = bitsOf(bytes);
  let view = views[bits];
  if (view !== undefined && view.length === bytes) return view;
  let piece = pieces[bits];
  if (piece === undefined) {
    piece = Buffer.allocUnsafeSlow(1 << bits);
    pieces[bits] = piece;
  }
  view = piece.subarray(0, bytes);
  views[bits] = view;
  return view;
}

function bitsOf(bytes: number): number {
  return Math.max(SMALLEST_BITS, 32 - Math.clz32(bytes - 1));
}
