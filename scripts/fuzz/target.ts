import type { Handler } from '@headrace/core';

/** What a decoder may do about bad input; a target without policies gets `close` only. */
export type FuzzPolicy = 'close' | 'skip' | 'emit';

/** One decoder to be fed with whatever comes. A module in `targets/` exports an array of them as `targets`. */
export interface FuzzTarget {
  readonly name: string;
  readonly make: (policy: FuzzPolicy) => Handler;
  /** @default close, skip and emit */
  readonly policies?: readonly FuzzPolicy[];
  /** Policies with which frames and errors do not depend on the cut. @default all of `policies` */
  readonly cutFree?: readonly FuzzPolicy[];
  /** Bytes that make this decoder do something. */
  readonly alphabet: Uint8Array;
  /** Take its turn once in so many times, for slow ones. @default 1 */
  readonly oneIn?: number;
  /** Whole messages, which are joined, cut off, repeated and damaged. @default none */
  readonly samples?: readonly Uint8Array[];
  /** The most bytes of one stream. @default 64 */
  readonly maxLength?: number;
  /** Its texts have no ends of their own: they count as one. @default false */
  readonly isStream?: boolean;
  /** Each Buffer is one read as it is, as a frame decoder passes it on: never cut. @default false */
  readonly isFramed?: boolean;
}

/** The bytes of a text, one for each character up to U+00FF. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
