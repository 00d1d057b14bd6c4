import type { Channel, MessageLimits } from '@headrace/core';
import { transportOf } from '@headrace/core/authoring';

/** A handler or a transport that limits the messages of its channel. */
interface LimitingPart {
  readonly messageLimits?: MessageLimits | undefined;
}

/**
 * Returns the smallest limits of a channel's transport and handlers, for a protocol that keeps messages and sends them again. A
 * message that is too long for the channel would end one channel after another.
 */
export function messageLimitsOf(channel: Channel): Required<MessageLimits> {
  let inbound = Number.POSITIVE_INFINITY;
  let outbound = inbound;
  const parts: readonly (object | undefined)[] = [
    transportOf(channel),
    ...[...channel.pipeline].map(([, handler]) => handler),
  ];
  for (const part of parts) {
    const limits = (part as LimitingPart | undefined)?.messageLimits;
    inbound = Math.min(inbound, limits?.inbound ?? inbound);
    outbound = Math.min(outbound, limits?.outbound ?? outbound);
  }
  return { inbound, outbound };
}
