// expect: is not assignable to parameter of type 'Misfit<"writes what its neighbor does not accept", ThePipelineSoFar, OutboundBytes, string>
import type { Channel, Handler, OutboundBytes, Types } from '@headrace/core';
import { Only } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Reads implements Handler {
  declare readonly types: Types<{ reads: Buffer; passesOn: string }>;
}

channel.pipeline.addLast(new Reads(), new Only<string>());
