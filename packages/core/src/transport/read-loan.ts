// The memory of reads that nobody keeps: one burst of one channel has it, and later bursts of all channels overwrite it
// (docs/decisions/0064-who-may-keep-a-read.md).
import { Buffer } from 'node:buffer';
import { placedView } from '../bytes/buffer-view.ts';
import { hasOtherCopy } from '../package/note-copy.ts';

/** Size of the memory, in bytes: that of a slab, so that a kept view keeps as much memory alive as any view of a read. */
const LOAN_BYTES = 68 * 1024;
/** The bytes of memory whose burst has ended, if they are overwritten. */
export const PATTERN = 0xdb;
/** A decoder that came with another copy of core asks that copy whether bytes are lent, and gets the wrong answer. */
const COPIES = Symbol.for('headrace.core');
/** Whether the bytes of every burst are overwritten, also in a running server. `EmbeddedChannel` always overwrites. */
const OVERWRITES = process.env['HEADRACE_OVERWRITE_READS'] === '1';

let loan: Buffer = Buffer.alloc(0);
let memory: ArrayBufferLike = loan.buffer;
/** The reads of the current burst are between these indexes. Bytes before `start` were kept, and are never written again. */
let start = 0;
let end = 0;
/** Channel of the current burst, as the sink of its transport, from its first read until {@link endLoan}. */
let borrower: object | undefined;
/** Whether somebody may keep bytes of the current burst. */
let isKept = false;
/** Memory of large frames of which the handlers of the current burst have views. */
const frames: LentFrame[] = [];

/** Memory of one large frame, of which handlers see the bytes in one or in several bursts. */
export interface LentFrame {
  readonly memory: ArrayBufferLike;
  /**
   * Called at the end of a burst in which handlers saw the bytes.
   *
   * @param isFree - whether nobody keeps bytes of that burst
   */
  burstEnded(isFree: boolean, isOverwritten: boolean): void;
}

/**
 * Copies a read into memory that later reads overwrite, and returns a view of it. The transport calls {@link endLoan} at the end of
 * the burst. Returns `undefined` if the burst of another channel is under way, if the memory has no room for the read, or if another
 * copy of core is loaded.
 *
 * The view is a new object, because caches recognize messages by their identity.
 */
export function lendRead(read: Uint8Array, to: object): Buffer | undefined {
  const { length } = read;
  if (borrower === undefined) {
    if (length > LOAN_BYTES || hasOtherCopy(COPIES)) return undefined;
    if (start + length > loan.length) {
      loan = Buffer.allocUnsafeSlow(LOAN_BYTES);
      memory = loan.buffer;
      start = 0;
    }
    begin(to);
  } else if (borrower !== to || end + length > loan.length) return undefined;
  const at = end;
  end = at + length;
  loan.set(read, at);
  return placedView(memory, at, length);
}

function begin(to: object): void {
  end = start;
  borrower = to;
  isKept = false;
}

/** Channel whose burst is under way, as long as nobody keeps bytes of the burst. */
export function currentBorrower(): object | undefined {
  return isKept ? undefined : borrower;
}

/**
 * Adds the memory of a frame to the burst of a channel, before handlers see its bytes. Returns false if the burst of another channel
 * is under way.
 */
export function lendFrame(frame: LentFrame, to: object): boolean {
  if (borrower === undefined) {
    if (hasOtherCopy(COPIES)) return false;
    begin(to);
  } else if (borrower !== to) return false;
  if (!frames.includes(frame)) frames.push(frame);
  return true;
}

/**
 * Ends a burst. If nobody keeps bytes of it, the next burst gets the same memory.
 *
 * @param isFree - whether nothing that the transport and the channel hold is a view of the memory
 * @param isOverwritten - whether a pattern replaces the bytes, so that a view that was kept is noticed
 */
export function endLoan(by: object, isFree: boolean, isOverwritten = OVERWRITES): void {
  if (borrower !== by) return;
  borrower = undefined;
  const isReusable = isFree && !isKept;
  // The offset is aligned, because a copy to a multiple of 8 is faster.
  if (!isReusable) start = (end + 7) & ~7;
  else if (isOverwritten) loan.fill(PATTERN, start, end);
  if (frames.length === 0) return;
  for (const frame of frames.splice(0)) frame.burstEnded(isReusable, isOverwritten);
}

/** Called before somebody keeps bytes that may belong to the current burst. Its memory is then never written again. */
export function keepLoan(): void {
  if (borrower !== undefined) isKept = true;
}

/** Calls {@link keepLoan} if the message can contain a view of the current burst. */
export function keepIfLent(message: unknown): void {
  if (borrower === undefined || isKept || typeof message === 'string') return;
  if (!(message instanceof Uint8Array) || isOfBurst(message.buffer)) isKept = true;
}

/** Calls {@link keepLoan} if the message itself is a view of the current burst. */
export function keepIfView(message: unknown): void {
  if (borrower === undefined || isKept || !(message instanceof Uint8Array)) return;
  if (isOfBurst(message.buffer)) isKept = true;
}

/** Calls {@link keepIfLent} if the message leaves through another channel than the current burst came from. */
export function keepIfForeign(message: unknown, channel: object): void {
  if (borrower !== undefined && borrower !== channel) keepIfLent(message);
}

/** Returns true if later reads overwrite the bytes in this memory. */
export function isLent(place: ArrayBufferLike): boolean {
  return !isKept && isOfBurst(place);
}

function isOfBurst(place: ArrayBufferLike): boolean {
  return place === memory || (frames.length > 0 && frames.some((frame) => frame.memory === place));
}
