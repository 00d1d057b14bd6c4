import { choice } from '@headrace/core/authoring';

/**
 * What a decoder does with input that the protocol does not allow:
 *
 * - `'close'`: the error goes through the pipeline as `exceptionCaught`, in which a handler may still write
 *   an answer; then the channel ends politely (what was written goes out). What was received
 *   after the bad frame is not decoded.
 * - `'skip'`: the bad frame is dropped, which is logged at level debug, and decoding goes on after it.
 * - `'emit'`: the error goes through the pipeline and decoding goes on as Netty's does: with the next read,
 *   or a millisecond later if none comes.
 */
export type FrameErrorPolicy = 'close' | 'skip' | 'emit';

export const FRAME_ERROR_POLICY = choice(['close', 'skip', 'emit'], { default: 'close' });
