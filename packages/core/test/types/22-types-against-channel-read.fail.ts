// expect: is not assignable to parameter of type 'Misfit<"declares another type than its method takes", "channelRead", number, string>
import type { Channel, Context, Handler, OutboundBytes, Types } from '@headrace/core';
import { Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Wrong implements Handler {
  declare readonly types: Types<{ reads: string }>;

  channelRead(ctx: Context, message: number): void {
    ctx.fireChannelRead(message);
  }
}

channel.pipeline.addLast(new Text(), new Wrong());
