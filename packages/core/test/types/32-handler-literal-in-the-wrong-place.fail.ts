// expect: is not assignable to parameter of type 'Misfit<Handler<Types<{ reads: string; passesOn: number; }>>, "reads", string, "but", Frames, "passes on", Buffer
import { type Channel, handler, type OutboundBytes } from '@headrace/core';
import { Frames } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

const lengths = handler<{ reads: string; passesOn: number }>({
  channelRead: (ctx, line) => ctx.fireChannelRead(line.length),
});
channel.pipeline.addLast(new Frames(), lengths);
