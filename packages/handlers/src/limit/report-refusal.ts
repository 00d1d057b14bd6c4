import type { Channel } from '@headrace/core';
import { warnFirst } from '@headrace/core/authoring';

/** The kinds of refusals that were logged, for each listening channel, or for each channel without one. */
const reported = new WeakMap<Channel, Set<string>>();

/**
 * Logs a refusal that nothing else shows. The first of a kind at a listener is a warning, and further ones are logged at level
 * debug, because a stranger can cause any number of them.
 *
 * @param channel - the refused channel, or the listening channel
 * @param kind - the limit that refused
 */
export function reportRefusal(channel: Channel, kind: string, text: string): void {
  let place = channel;
  while (place.parent !== undefined) place = place.parent;
  const kinds = reported.get(place) ?? new Set<string>();
  reported.set(place, kinds);
  const isFirst = !kinds.has(kind);
  kinds.add(kind);
  warnFirst(place, isFirst, text);
}
