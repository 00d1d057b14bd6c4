// expect: 'Misfit<"cannot read what its neighbor passes on", StringCodec, string, { kind: "order"; id: string;
// expect: 'Misfit<"cannot read what its neighbor passes on", JsonCodec<{ kind: "order"; id: string;
// expect: 'Misfit<"writes what its neighbor does not accept", StringCodec, string, { orders: { kind: "order"; id: string;
// expect: 'Misfit<"writes what its neighbor does not accept", JsonCodec<{ kind: "order"; id: string;
// expect: 'Misfit<"cannot take for writing what its neighbor accepts", JsonCodec<{ kind: "order"; id: string;
// expect: 'Misfit<"declares another type than its method takes", "channelRead", { orders: { kind: "order"; id: string;
// expect: 'Misfit<"declares another type than its method takes", "write", { orders: { kind: "order"; id: string;
// expect: 'Misfit<"must stand after the handler that fires its event", Rings<{ orders: { kind: "order"; id: string;
// expect: 'Misfit<"does not accept what the other channel reads", "the first channel", { orders: { kind: "order"; id: string;
// expect: 'Misfit<"reads what the other channel does not accept", "the first channel", { orders: { kind: "order"; id: string;
import { JsonCodec, LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Channel, Context, Handler, OutboundBytes, Types, WriteFuture } from '@headrace/core';
import { pipeline } from '@headrace/core';
import { AuthHandler, pipeChannels } from '@headrace/handlers';
import { type FromPage, fromPage, type ToPage, toPage } from './long-types-of-schemas.ts';

declare const channel: Channel<Buffer, OutboundBytes>;
declare const orders: Channel<ToPage, ToPage>;
declare const posts: Channel<FromPage, FromPage>;
declare const sink: Channel<unknown, ToPage>;

class Writes<T> implements Handler {
  declare readonly types: Types<{ writes: T }>;
}
class Declares<T, Taken> implements Handler {
  declare readonly types: Types<{ reads: T }>;

  channelRead(ctx: Context, message: Taken): void {
    ctx.fireChannelRead(message);
  }
}
class Accepts<T, Taken> implements Handler {
  declare readonly types: Types<{ accepts: T }>;

  write(ctx: Context, message: Taken): WriteFuture {
    return ctx.write(message);
  }
}
class Takes<T> implements Handler {
  declare readonly types: Types;

  write(ctx: Context, message: T): WriteFuture {
    return ctx.write(message);
  }
}
class Rings<T> implements Handler {
  declare readonly types: Types<{ reads: T; passesOn: T }>;
  readonly userEvents = { fires: ['Ring'], answers: [] } as const;
}
class Answers implements Handler {
  readonly userEvents = { fires: [], answers: ['Ring'] } as const;
}

const frames = new LineFrameDecoder();
const text = new StringCodec();
const json = new JsonCodec({ schema: fromPage });
const signIn = new AuthHandler({
  authenticate: (message: FromPage) => ({ principal: message }),
  replies: { accepted: (): ToPage => toPage.parse({}) },
});
const ordersOnly = new AuthHandler({ authenticate: (order: ToPage) => ({ principal: order }) });

channel.pipeline.addLast(frames, text, signIn); // here
channel.pipeline.addLast(frames, json, ordersOnly); // here
channel.pipeline.addLast(frames, json, text); // here
pipeline().add(
  () => new LineFrameDecoder(),
  () => new JsonCodec({ schema: fromPage }),
  () => new AuthHandler({ authenticate: (order: ToPage) => ({ principal: order }) }), // here
);
channel.pipeline.addLast(frames, text, new Writes<ToPage>()); // here
channel.pipeline.addLast(frames, json, new Writes<ToPage>()); // here
channel.pipeline.addLast(frames, json, new Takes<ToPage>()); // here
channel.pipeline.addLast(frames, json, new Declares<FromPage, ToPage>()); // here
channel.pipeline.addLast(frames, json, new Accepts<FromPage, ToPage>()); // here
orders.pipeline.addLast(new Answers(), new Rings<ToPage>()); // here
pipeChannels(orders, posts); // here
pipeChannels(sink, posts); // here
