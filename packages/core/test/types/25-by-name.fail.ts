// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar, string, Request>
import type { Channel, OutboundBytes } from '@headrace/core';
import { App, Text } from './handlers.ts';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast('text', new Text()).addLast(
  'app',
  new App(), // here
);
