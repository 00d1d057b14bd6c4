// expect: Misfit<"writes what its neighbor does not accept", { readonly write: (ctx: Context<HandlerTypes>, message: number) => WriteFuture; }, number, string>
import type { Channel, OutboundBytes } from '@headrace/core';
import { WritesNumbers } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  { write: (ctx, message: Uint8Array) => ctx.write(message) },
  { write: (ctx, message: number) => ctx.write(Buffer.alloc(message)) },
  new WritesNumbers(), // here
);
