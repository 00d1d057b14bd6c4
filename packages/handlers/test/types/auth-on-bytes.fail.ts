// expect: is not assignable to parameter of type 'Misfit<AuthHandler<string, string, string>, "reads", string, "but", ThePipelineSoFar
import type { Channel, OutboundBytes } from '@headrace/core';
import { AuthHandler } from '@headrace/handlers';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new AuthHandler({ authenticate: (text: string) => ({ principal: text }) }),
);
