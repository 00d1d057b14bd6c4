// expect: Misfit<"cannot read what its neighbor passes on", Text, string, Request>
// expect: Argument of type 'number' is not assignable to parameter of type 'string'
// expect: Type 'string | undefined' is not assignable to type 'number | undefined'
// expect: Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar, string, Request>
import { EmbeddedChannel } from '@headrace/core/testing';
import { App, Frames, Text } from './handlers.ts';

new EmbeddedChannel(
  new Text(),
  new App(), // here
);
EmbeddedChannel.with(
  { allowHalfOpen: true },
  new Text(),
  new App(), // here
);

const channel = new EmbeddedChannel(new Frames(), new Text());
channel.writeAndFlush('text');
channel.writeAndFlush(5); // here
channel.writeOutbound('text', 5); // here
export const message: number | undefined = channel.readInbound(); // here
channel.pipeline.addLast(new App()); // here
