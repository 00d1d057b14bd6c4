// expect: Argument of type 'string' is not assignable to parameter of type 'PassThrough'
import { handler } from '@headrace/core';

export const watch = handler({
  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
    ctx.fireChannelRead('one more'); // here
  },
});
