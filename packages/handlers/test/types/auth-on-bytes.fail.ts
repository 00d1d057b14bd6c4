// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar
import type { Channel, OutboundBytes } from '@headrace/core';
import { AuthHandler } from '@headrace/handlers';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new AuthHandler({ authenticate: (text: string) => ({ principal: text }) }),
);
