import type { Buffer } from 'node:buffer';
import type { Context } from '../contract.ts';

/** The key of {@link AheadReader}, so that no other handler is taken for one. */
export const READS_AHEAD: unique symbol = Symbol('headrace.readsAhead');

/**
 * A handler whose messages depend on the bytes of a frame alone. A frame decoder has the next frames of a read decoded together, and
 * passes on one message after the other. A loop over one function costs less than the same calls between the handlers of each
 * message.
 */
export interface AheadReader {
  /** Whether the handler would decode the next frame, and does nothing else with it. */
  readonly [READS_AHEAD]: boolean;
  /**
   * Returns the message of a frame, without an effect on the handler. Returns `undefined` if the frame must come as a
   * `channelRead`, for example because it is bad.
   */
  readAhead(bytes: Buffer, start: number, end: number): unknown;
  /** Passes on a message in its turn, as `channelRead` passes on the message of a frame. */
  passOnAhead(ctx: Context, message: unknown): void;
}
