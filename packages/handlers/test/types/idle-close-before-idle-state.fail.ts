// expect: 'Misfit<"must stand after the handler that fires its event", IdleStateHandler, "fires", "IdleStateEvent">
import { pipeline } from '@headrace/core';
import { IdleCloseHandler, IdleStateHandler } from '@headrace/handlers';

pipeline().add(
  () => new IdleCloseHandler(), // here
  () => new IdleStateHandler({ readerIdleMs: 1000 }),
);
