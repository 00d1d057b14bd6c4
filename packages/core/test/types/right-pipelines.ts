// Twenty pipelines that must compile; `tsc -b` is the test. Each is a function, so that nothing runs.
import {
  type Channel,
  type Context,
  type Handler,
  handler,
  type OutboundBytes,
  type Pipeline,
  type PipelineTemplate,
  pipeline,
  ServerBootstrap,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  Answers,
  App,
  Dynamic,
  Echo,
  Frames,
  Lengths,
  Numbers,
  Only,
  ReadsBoth,
  type Reply,
  type Request,
  Rings,
  Rpc,
  Text,
  Untyped,
  Watch,
  WritesNumbers,
} from './handlers.ts';

type Fresh = Channel<Buffer, OutboundBytes>;

/** Fails to compile unless both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;

export const right: readonly ((channel: Fresh) => unknown)[] = [
  // 1: nothing at all
  (channel) => channel.pipeline.addLast(),
  // 2: bytes in, bytes out
  (channel) => channel.pipeline.addLast(new Frames()),
  // 3: a codec after frames changes both directions at once
  (channel) => {
    const made = channel.pipeline.addLast(new Frames(), new Lengths(), new Text());
    const check: Same<typeof made, Pipeline<string, string>> = true;
    return check;
  },
  // 3b: what answers an event stands after what fires it, also after several
  (channel) =>
    channel.pipeline.addLast(new Rings(), new Answers(), new Untyped(), new Rings(), new Answers()),
  // 3c: an event may come from outside the pipeline
  (channel) => channel.pipeline.addLast(new Answers(), new Frames()),
  // 4: up to the application
  (channel) =>
    channel.pipeline.addLast(new Frames(), new Lengths(), new Text(), new Rpc(), new App()),
  // 5: handlers that pass everything through keep the types
  (channel) =>
    channel.pipeline.addLast(
      new Watch(),
      new Frames(),
      new Watch(),
      new Text(),
      new Watch(),
      new Rpc(),
      new Watch(),
      new App(),
    ),
  // 6: in several steps, the types go on
  (channel) => {
    const text = channel.pipeline.addLast(new Frames(), new Text());
    const rpc = text.addLast(new Rpc());
    const check: Same<typeof rpc, Pipeline<Request, Reply>> = true;
    rpc.addLast(new App());
    return check;
  },
  // 7: an echo writes what it reads, where that is what the handlers before it take
  (channel) => channel.pipeline.addLast(new Frames(), new Text(), new Echo()),
  // 8: after an echo, which passes nothing on, anything may stand
  (channel) => channel.pipeline.addLast(new Text(), new Echo(), new Numbers()),
  // 9: unknown is the way out, for what is decided at run time
  (channel) => channel.pipeline.addLast(new Frames(), new Dynamic(), new App()),
  // 10: so is a handler that says nothing about its types
  (channel) => channel.pipeline.addLast(new Text(), new Untyped(), new App()),
  // 11: object literals as handlers
  (channel) => channel.pipeline.addLast(new Text(), { channelActive() {} }),
  // 12: a generic handler keeps the type it is given
  (channel) => channel.pipeline.addLast(new Text(), new Only<string>(), new Numbers()),
  // 13: one direction may change alone
  (channel) => {
    const made = channel.pipeline.addLast(new Text(), new Numbers());
    const check: Same<typeof made, Pipeline<number, string>> = true;
    return check;
  },
  // 14: the other one, too
  (channel) => {
    const made = channel.pipeline.addLast(new Text(), new WritesNumbers());
    const check: Same<typeof made, Pipeline<string, number>> = true;
    return check;
  },
  // 15: by name, the types go on
  (channel) => {
    const rpc = channel.pipeline.addLast('text', new Text()).addLast('rpc', new Rpc());
    const check: Same<typeof rpc, Pipeline<Request, Reply>> = true;
    rpc.addLast('app', new App());
    return check;
  },
  // 16: a list that is made at run time
  (channel) => {
    const handlers: Handler[] = [new Watch(), new Frames()];
    return channel.pipeline.addLast(...handlers);
  },
  // 17: an embedded channel reads and takes anything
  () => new EmbeddedChannel(new Rpc(), new App()).pipeline.addLast(new Watch()),
  // … and stands for a channel of any transport
  () => {
    const build = (channel: Fresh) => channel.pipeline.addLast(new Text());
    return build(new EmbeddedChannel());
  },
  // 18: a reusable pipeline, which does not change when something is added
  (channel) => {
    const text = pipeline().add(
      () => new Frames(),
      () => new Lengths(),
      () => new Text(),
    );
    const app = text.add(
      () => new Rpc(),
      () => new App(),
    );
    const numbers = text.add(() => new Numbers());
    numbers.initialize(channel as Channel);
    return new ServerBootstrap().childHandler(app);
  },
  // 19: a union is read by who reads all of it
  (channel) => channel.pipeline.addLast(new Text(), new Rpc(), new ReadsBoth()),
  // 20: twenty handlers
  (channel) =>
    channel.pipeline.addLast(
      new Watch(),
      new Frames(),
      new Watch(),
      new Lengths(),
      new Watch(),
      new Watch(),
      new Watch(),
      new Text(),
      new Watch(),
      new Only<string>(),
      new Watch(),
      new Watch(),
      new Watch(),
      new Rpc(),
      new Watch(),
      new Watch(),
      new Watch(),
      new Watch(),
      new Watch(),
      new App(),
    ),
  // 21: literals with methods, which TypeScript before 6 takes for functions whose types come from their place
  () => {
    const text = pipeline().add(
      () => new Frames(),
      () => new Text(),
      () => ({
        channelRead(ctx: Context, line: string) {
          ctx.fireChannelRead(line);
        },
      }),
    );
    const more = text.add(() => ({
      channelRead(ctx: Context, line: string) {
        ctx.fireChannelRead(line.length);
      },
    }));
    return new ServerBootstrap().childHandler(more);
  },
  // 22: a sharable literal serves all channels
  () => {
    const upper = handler<{ reads: string; passesOn: string }>({
      sharable: true,
      channelRead: (ctx, text) => ctx.fireChannelRead(text.toUpperCase()),
    });
    const text = pipeline().add(
      () => new Text(),
      upper,
      handler<{ reads: string }>({ sharable: true, channelRead() {} }),
    );
    const check: Same<typeof upper.sharable, true> = true;
    new ServerBootstrap().childHandler(text);
    return check;
  },
  // 23: a template of the messages of another transport
  () => {
    const listening = pipeline<Channel, never>().add(() => new Watch());
    const texts = pipeline<string, string>().add(() => new Rpc());
    const check: Same<typeof texts, PipelineTemplate<Request, Reply, string, string>> = true;
    new ServerBootstrap().handler(listening);
    return check;
  },
];
