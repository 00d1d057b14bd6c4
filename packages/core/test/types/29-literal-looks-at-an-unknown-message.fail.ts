// expect: 'message' is of type 'unknown'
import type { Channel, OutboundBytes } from '@headrace/core';
import { Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Text(), {
  channelRead: (ctx, message) => void ctx.write(message.length),
});
