import { choice } from '@headrace/core/authoring';

/**
 * The reaction of a decoder to input that the protocol does not allow:
 *
 * - `'close'`: the error passes the pipeline as `exceptionCaught`, and a handler can still write an answer. Then the channel ends
 *   after its writes are sent. Bytes received after the bad frame are not decoded. A channel of datagrams does not end: it
 *   decodes the next datagram.
 * - `'skip'`: the decoder drops the bad frame, logs it at level debug, and continues after it.
 * - `'emit'`: the error passes the pipeline, and decoding continues as in Netty: with the next read, or after a millisecond if no
 *   read arrives.
 */
export type FrameErrorPolicy = 'close' | 'skip' | 'emit';

export const FRAME_ERROR_POLICY = choice(['close', 'skip', 'emit'], { default: 'close' });
