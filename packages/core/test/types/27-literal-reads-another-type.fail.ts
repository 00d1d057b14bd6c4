// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Frames, Buffer, string
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Frames(), {
  channelRead: (ctx, line: string) => void ctx.write(line),
});
