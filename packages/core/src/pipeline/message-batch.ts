import type { Context, Handler, OutboundBytes, WriteFuture } from '../contract.ts';

/** How a handler frames each message: a header before it whose length is always the same, and nothing else. */
export interface Framing {
  readonly headerBytes: number;
  /** Writes the header of a message of so many bytes. */
  writeHeader(target: Uint8Array, offset: number, messageBytes: number): void;
}

/** Several messages that are written at once, with one future: no handler sees each of them. */
export interface MessageBatch {
  /** How long the longest one is. */
  readonly longestBytes: number;
  /** All of them, each with a header before it, as one piece. */
  framed(framing: Framing): OutboundBytes;
}

/** A handler's place, seen by one that writes batches. */
export interface BatchContext extends Context {
  /**
   * Writes a batch; `undefined` if the next handler takes messages only one by one, or there is none: then nothing
   * is written, and each message has to be.
   */
  writeBatch(batch: MessageBatch): WriteFuture | undefined;
}

/** A handler that takes batches, because it frames each message, or only notes that something is written. */
export interface BatchHandler extends Handler {
  writeBatch(ctx: BatchContext, batch: MessageBatch): WriteFuture | undefined;
}
