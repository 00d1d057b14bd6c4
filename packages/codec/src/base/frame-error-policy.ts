import { checkOneOf } from './check-one-of.ts';

/**
 * What a decoder does about input that the protocol does not allow:
 *
 * - `'close'`: the error goes through the pipeline as `exceptionCaught`, in which a handler may still write
 *   an answer; then the channel ends politely (what was written goes out). Nothing that was received
 *   behind the bad frame is decoded any more.
 * - `'skip'`: the bad frame is left out, which is logged at level debug, and decoding goes on behind it.
 * - `'emit'`: the error goes through the pipeline and decoding goes on as Netty's does: with the next read,
 *   or a millisecond later if none comes.
 */
export type FrameErrorPolicy = 'close' | 'skip' | 'emit';

const POLICIES: readonly FrameErrorPolicy[] = ['close', 'skip', 'emit'];

/** Returns the policy, or throws an `OptionError`. */
export function checkPolicy(value: FrameErrorPolicy): FrameErrorPolicy {
  return checkOneOf('frameErrorPolicy', value, POLICIES);
}
