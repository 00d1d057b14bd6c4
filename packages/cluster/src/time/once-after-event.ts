import type { Clock } from '@headrace/core';

/** A function that runs a task once for all its calls within one event, when that event is over. */
export function onceAfterEvent(clock: Clock, task: () => void): () => void {
  let isDue = false;
  const run = (): void => {
    isDue = false;
    task();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    clock.execute(run);
  };
}
