// expect: is not assignable to parameter of type 'Misfit<"writes what its neighbor does not accept", Text, string, Reply>
import type { Channel, Handler, OutboundBytes, Types } from '@headrace/core';
import { App, type Request, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

class Dynamically implements Handler {
  declare readonly types: Types<{ reads: string; passesOn: Request }>;
}

channel.pipeline.addLast(new Text(), new Dynamically(), new App());
