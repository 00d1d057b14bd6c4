// expect: 'Misfit<IdleCloseHandler<never>, "answers", "IdleStateEvent", "but", IdleStateHandler, "fires it", "after it">
import { pipeline } from '@headrace/core';
import { IdleCloseHandler, IdleStateHandler } from '@headrace/handlers';

pipeline().add(
  () => new IdleCloseHandler(), // here
  () => new IdleStateHandler({ readerIdleMs: 1000 }),
);
