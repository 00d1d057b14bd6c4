// Compiles: what a state group sends is what a client's `LiveState` takes, and the other way round.
import type { LiveState, LiveStateMessage } from '@headrace/client';
import type { StateGroup, StateMessage } from '@headrace/durable';

interface Place {
  readonly x: number;
}

declare const sent: StateMessage<Place>;
declare const taken: LiveStateMessage<Place>;
export const takes: LiveStateMessage<Place> = sent;
export const sends: StateMessage<Place> = taken;

/** The position of a client is one that the group joins from. */
export async function joins(group: StateGroup<Place>, live: LiveState<Place>): Promise<void> {
  await group.join({} as never, live.begin());
}
