// expect: is not assignable to parameter of type 'Misfit<"declares another type than its method takes", "write", number, string>
import type { Channel, Context, Handler, OutboundBytes, Types, WriteFuture } from '@headrace/core';
import { Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Wrong implements Handler {
  declare readonly types: Types<{ accepts: string }>;

  write(ctx: Context, message: number): WriteFuture {
    return ctx.write(message);
  }
}

channel.pipeline.addLast(new Text(), new Wrong());
