import type { CloseReason, Context } from '@headrace/core';
import { callInContext } from '@headrace/core/authoring';

/**
 * Sends the last message, if there is one and the output half is open, and ends the channel, even if the function that makes the
 * message fails. A channel whose output half was shut down is ended, too: its peer can still send.
 *
 * @param lastWord - the function, after the check of the option
 */
export function endWith(
  ctx: Context,
  reason: CloseReason,
  lastWord: (() => unknown) | undefined,
): void {
  const { channel } = ctx;
  if (lastWord !== undefined && !channel.isEnding) {
    callInContext(ctx, () => void ctx.write(lastWord()));
  }
  channel.end({ reason });
}
