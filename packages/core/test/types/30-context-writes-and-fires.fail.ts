// expect: Argument of type 'number' is not assignable to parameter of type 'string | PassThrough'
// expect: Argument of type 'string' is not assignable to parameter of type 'Request'
import type { Context, Handler, Types } from '@headrace/core';
import type { Request } from './handlers.ts';

export class Answers implements Handler {
  declare readonly types: Types<{ reads: string; passesOn: Request; writes: string }>;

  channelRead(ctx: Context<Answers['types']>, text: string): void {
    ctx.writeAndFlush(text);
    ctx.writeAndFlush(text.length); // here
    ctx.fireChannelRead({ kind: 'request', id: 1 });
    ctx.fireChannelRead(text); // here
  }
}
