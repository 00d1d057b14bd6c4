import { choice } from '@headrace/core/authoring';

/**
 * The reaction of a decoder to input that the protocol does not allow:
 *
 * - `'close'`: the error goes through the pipeline as `exceptionCaught`, in which a handler may still write
 *   an answer; then the channel ends politely (its writes go out). Bytes received
 *   after the bad frame are not decoded. On a channel of datagrams nothing ends: the next datagram is decoded.
 * - `'skip'`: the bad frame is dropped, which is logged at level debug, and decoding goes on after it.
 * - `'emit'`: the error goes through the pipeline and decoding goes on as Netty's does: with the next read,
 *   or a millisecond later if none comes.
 */
export type FrameErrorPolicy = 'close' | 'skip' | 'emit';

export const FRAME_ERROR_POLICY = choice(['close', 'skip', 'emit'], { default: 'close' });
