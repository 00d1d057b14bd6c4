// expect: CannotWrite<Only<string>, string, ThePipelineSoFar, OutboundBytes>
import type { Channel, Handler, OutboundBytes, Types } from '@headrace/core';
import { Only } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Reads implements Handler {
  declare readonly types: Types<{ reads: Buffer; passesOn: string }>;
}

channel.pipeline.addLast(new Reads(), new Only<string>());
