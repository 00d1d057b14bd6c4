import type { Handler, MessageLimits } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { messageLimitsOf } from '../../src/channel/message-limits.ts';

const limiting = (messageLimits: MessageLimits): Handler & { messageLimits: MessageLimits } => ({
  messageLimits,
});

it('messageLimitsOf gives the smallest limit of all handlers for each direction', () => {
  const channel = new EmbeddedChannel(
    limiting({ inbound: 10 }),
    limiting({ inbound: 20, outbound: 30 }),
    {},
  );
  expect(messageLimitsOf(channel)).toEqual({ inbound: 10, outbound: 30 });
});

it('messageLimitsOf gives no limit for a channel without one', () => {
  const unlimited = Number.POSITIVE_INFINITY;
  expect(messageLimitsOf(new EmbeddedChannel())).toEqual({
    inbound: unlimited,
    outbound: unlimited,
  });
});
