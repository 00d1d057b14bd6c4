// expect: CannotWrite<Only<string>, string, ThePipelineSoFar, OutboundBytes>
import type { Channel, Handler, OutboundBytes, PassThrough, Types } from '@headrace/core';
import { Only } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Reads implements Handler {
  declare readonly types: Types<Buffer, string, PassThrough, never>;
}

channel.pipeline.addLast(new Reads(), new Only<string>());
