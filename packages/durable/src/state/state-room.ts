import type { GroupWire } from '@headrace/cluster/authoring';
import { OptionError } from '@headrace/core';
import {
  type StateAnswer,
  type StateEntry,
  type StateLimits,
  type StatePage,
  type StateWrite,
  statesOf,
} from '@headrace/store';
import { StoreRoom } from '../feed/store-room.ts';

/** The answer of the store to a change that is within its limits. */
export type ChangeAnswer = Exclude<StateAnswer, { full: unknown }>;

/** The store of one state group, for all its parts on this node. */
export class StateRoom extends StoreRoom<
  StateEntry,
  StatePage,
  StateWrite,
  StateAnswer,
  StateLimits
> {
  /** @throws OptionError for a bus without a store for states */
  constructor(wire: GroupWire, group: string, limits: StateLimits) {
    const { bus, subjects } = wire;
    const store = statesOf(bus);
    if (store === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        `the group ${group} cannot be a state group: the bus ${bus.name} has no store for states; ` +
          'memoryBus(), processBus(), natsBus() and redisBus() have one',
        { option: 'bus', bus: bus.name },
      );
    }
    super(wire, group, {
      what: 'state',
      store,
      stream: subjects.state(group),
      limits,
    });
  }
}
