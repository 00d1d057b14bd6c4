import type { CloseReason, Context } from '@headrace/core';
import { callInContext } from '@headrace/core/authoring';

/**
 * Sends the last message, if there is one, and ends the channel, even if the function that makes the message fails.
 *
 * @param lastWord - the function, after the check of the option
 */
export function endWith(
  ctx: Context,
  reason: CloseReason,
  lastWord: (() => unknown) | undefined,
): void {
  if (lastWord !== undefined) callInContext(ctx, () => void ctx.write(lastWord()));
  ctx.channel.end({ reason });
}
