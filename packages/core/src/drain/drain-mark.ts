import { isMarked } from '../package/recognize-copies.ts';
import type { DrainEvent } from './drain-event.ts';
import { DRAIN_EVENT, DRAIN_START_EVENT } from './drain-names.ts';
import type { DrainStartEvent } from './drain-start-event.ts';

/**
 * Returns true if the event is a `DrainEvent`, even of another copy of the package. `instanceof` would load the class, which a
 * page that is never drained does not need.
 *
 * @example
 * ```ts run
 * import { DrainEvent } from '@headrace/core';
 * import { isDrainEvent } from '@headrace/core/authoring';
 *
 * console.log(isDrainEvent(new DrainEvent(1000)), isDrainEvent('drain'));
 * // prints true false
 * ```
 */
export function isDrainEvent(event: unknown): event is DrainEvent {
  return isMarked(event, DRAIN_EVENT);
}

export function isDrainStartEvent(event: unknown): event is DrainStartEvent {
  return isMarked(event, DRAIN_START_EVENT);
}
