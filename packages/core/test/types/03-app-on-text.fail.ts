// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Text, string, Request>
import type { Channel, OutboundBytes } from '@headrace/core';
import { App, Frames, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new Frames(),
  new Text(),
  new App(), // here
);
