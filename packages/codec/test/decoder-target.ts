import type { Handler } from '@headrace/core';
import type { FrameErrorPolicy } from '../src/base/frame-error-policy.ts';

/**
 * One decoder to be fed with whatever comes, by properties.test.ts and for hours by `npm run fuzz`. A module in
 * `targets/` exports an array of them as `targets`.
 */
export interface DecoderTarget {
  readonly name: string;
  readonly make: (policy: FrameErrorPolicy) => Handler;
  /** What it may do about bad input. @default close, skip and emit */
  readonly policies?: readonly FrameErrorPolicy[];
  /** Policies with which frames and errors do not depend on the cut. @default all of `policies` */
  readonly cutFree?: readonly FrameErrorPolicy[];
  /** Bytes that make this decoder do something, more often than random ones would. */
  readonly alphabet: Uint8Array;
  /** The most bytes that it may hold between reads, delimiters and headers included. @default not looked at */
  readonly limit?: number;
  /** Run it only once in this many runs, for slow ones. @default 1 */
  readonly oneIn?: number;
  /** Whole messages, which are joined, cut off, repeated and damaged. @default none */
  readonly samples?: readonly Uint8Array[];
  /** The most bytes of one stream. @default 64 */
  readonly maxLength?: number;
  /** Where its texts end depends on the cut: they are compared as one. @default false */
  readonly isStream?: boolean;
  /** Each Buffer is one frame, as a frame decoder passes it on: never cut. @default false */
  readonly isFramed?: boolean;
}

/** The policies of a target that names none. */
export const ALL_POLICIES: readonly FrameErrorPolicy[] = ['close', 'skip', 'emit'];
/** The most bytes of one stream for a target without a limit of its own. */
export const DEFAULT_LENGTH = 64;

/** The bytes of a text, one for each character up to U+00FF. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
