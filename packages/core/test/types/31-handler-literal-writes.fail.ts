// expect: Argument of type 'number' is not assignable to parameter of type 'string | PassThrough'
// expect: Property 'foo' does not exist on type 'string'
import { handler } from '@headrace/core';

export const echo = handler<{ reads: string; writes: string }>({
  channelRead(ctx, line) {
    ctx.writeAndFlush(line);
    ctx.writeAndFlush(line.length); // here
    ctx.writeAndFlush(line.foo); // here
  },
});
