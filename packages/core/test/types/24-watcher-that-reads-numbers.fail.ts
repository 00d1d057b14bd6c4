// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Text, string, number>
import type { Channel, Context, Handler, OutboundBytes, Types } from '@headrace/core';
import { Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Wrong implements Handler {
  declare readonly types: Types;

  channelRead(ctx: Context, message: number): void {
    ctx.fireChannelRead(message);
  }
}

channel.pipeline.addLast(new Text(), new Wrong());
