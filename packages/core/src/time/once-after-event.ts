import type { Clock } from '../contract/clock.ts';

/**
 * Returns a function that runs a task after the current event, once for all calls during that event. The function's argument
 * is an object with a clock, for example a context. The task receives the argument of the first call.
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
