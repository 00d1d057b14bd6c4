// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Frames, Buffer, string
import { type Channel, handler, type OutboundBytes } from '@headrace/core';
import { Frames } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

const lengths = handler<{ reads: string; passesOn: number }>({
  channelRead: (ctx, line) => ctx.fireChannelRead(line.length),
});
channel.pipeline.addLast(new Frames(), lengths);
