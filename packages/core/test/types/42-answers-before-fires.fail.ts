// expect: is not assignable to parameter of type 'Misfit<"must stand after the handler that fires its event", Rings, "fires", "Ring">
import { type Channel, type OutboundBytes } from '@headrace/core';
import { Answers, Rings, Watch } from './handlers.ts';

export const wrong = (channel: Channel<Buffer, OutboundBytes>) =>
  channel.pipeline.addLast(
    new Watch(),
    new Answers(), // here
    new Watch(),
    new Rings(),
  );
