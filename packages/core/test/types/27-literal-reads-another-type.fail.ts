// expect: is not assignable to parameter of type 'Misfit<{ readonly channelRead: (ctx: Context<HandlerTypes>, line: string) => undefined; }, "reads", string, "but", Frames, "passes on", Buffer
import type { Channel, OutboundBytes } from '@headrace/core';
import { Frames } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(new Frames(), {
  channelRead: (ctx, line: string) => void ctx.write(line),
});
