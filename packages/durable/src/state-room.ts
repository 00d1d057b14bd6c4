import type {
  StateAnswer,
  StateEntry,
  StateLimits,
  StatePage,
  StateWrite,
} from '@headrace/cluster';
import type { GroupWire } from '@headrace/cluster/authoring';
import { OptionError } from '@headrace/core';
import { StoreRoom } from './store-room.ts';

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
    if (bus.stateLog === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        `the group ${group} cannot be a state group: the bus ${bus.name} has no store for states; ` +
          'memoryBus(), processBus(), natsBus() and redisBus() have one',
        { option: 'bus', bus: bus.name },
      );
    }
    super(wire, group, {
      what: 'state',
      store: bus.stateLog,
      stream: subjects.state(group),
      limits,
    });
  }
}
