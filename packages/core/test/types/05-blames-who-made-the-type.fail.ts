// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Text, string, Request>
import type { Channel, OutboundBytes } from '@headrace/core';
import { App, Text, Watch } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new Text(),
  new Watch(),
  new Watch(),
  new App(), // here
  new Watch(),
);
