// expect: is not assignable to parameter of type 'Misfit<Answers, "answers", "Ring", "but", Rings, "fires it", "after it">
import { type Channel, type OutboundBytes } from '@headrace/core';
import { Answers, Rings, Watch } from './handlers.ts';

export const wrong = (channel: Channel<Buffer, OutboundBytes>) =>
  channel.pipeline.addLast(
    new Watch(),
    new Answers(), // here
    new Watch(),
    new Rings(),
  );
