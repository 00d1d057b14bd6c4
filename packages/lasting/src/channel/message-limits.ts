import type { Channel, MessageLimits } from '@headrace/core';
import { transportOf } from '@headrace/core/authoring';

/**
 * Returns the smallest limits of a channel's transport and handlers, for a protocol that keeps messages and sends them again. A
 * message that is too long for the channel would end one channel after another.
 */
export function messageLimitsOf(channel: Channel): Required<MessageLimits> {
  let inbound = Number.POSITIVE_INFINITY;
  let outbound = inbound;
  const parts = [transportOf(channel), ...[...channel.pipeline].map(([, handler]) => handler)];
  for (const part of parts) {
    inbound = Math.min(inbound, part?.messageLimits?.inbound ?? inbound);
    outbound = Math.min(outbound, part?.messageLimits?.outbound ?? outbound);
  }
  return { inbound, outbound };
}
