import { OptionError } from '@headrace/core';

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

/** Returns the policy, or throws an {@link OptionError}. */
export function checkPolicy(value: FrameErrorPolicy): FrameErrorPolicy {
  if (value === 'close' || value === 'skip' || value === 'emit') return value;
  throw new OptionError(
    'OPTION_INVALID',
    `frameErrorPolicy is ${String(value)}, but must be 'close', 'skip' or 'emit'`,
    { option: 'frameErrorPolicy', value: String(value) },
  );
}
