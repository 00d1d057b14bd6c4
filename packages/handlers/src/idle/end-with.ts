import type { CloseReason, Context } from '@headrace/core';
import { callInContext } from '@headrace/core/authoring';

/**
 * Sends the last message, if there is one, and ends the channel: even when the function that makes it fails.
 *
 * @param lastWord - after the check of the option
 */
export function endWith(
  ctx: Context,
  reason: CloseReason,
  lastWord: (() => unknown) | undefined,
): void {
  if (lastWord !== undefined) callInContext(ctx, () => void ctx.write(lastWord()));
  ctx.channel.end({ reason });
}
