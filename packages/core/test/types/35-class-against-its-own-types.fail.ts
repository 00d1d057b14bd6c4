// expect: Property 'channelRead' in type 'Upper' is not assignable to the same property in base type
import type { Context, Handler, Types } from '@headrace/core';

export class Upper implements Handler<Upper['types']> {
  declare readonly types: Types<{ reads: string; passesOn: string }>;

  channelRead(ctx: Context<Upper['types']>, message: number): void {
    ctx.fireChannelRead(`${message}`);
  }
}
