import type { Clock } from '../contract.ts';

/**
 * A function that runs a task once for all its calls within one event, when that event is over. It is called with a
 * place that has a clock, such as a context; the task gets the place of the first call.
 */
export function onceAfterEvent<P extends { readonly clock: Clock }>(
  task: (place: P) => void,
): (place: P) => void {
  let from: P | undefined;
  const run = (): void => {
    const place = from!;
    from = undefined;
    task(place);
  };
  return (place) => {
    if (from !== undefined) return;
    from = place;
    place.clock.execute(run);
  };
}
