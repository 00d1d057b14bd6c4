// expect: is not assignable to parameter of type 'Misfit<"writes what its neighbor does not accept", ThePipelineSoFar
import type { Channel, OutboundBytes } from '@headrace/core';
import { IdleCloseHandler, IdleStateHandler } from '@headrace/handlers';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new IdleStateHandler({ readerIdleMs: 1000 }),
  new IdleCloseHandler({ lastWord: () => 'ERR:IDLE_TIMEOUT' }),
);
