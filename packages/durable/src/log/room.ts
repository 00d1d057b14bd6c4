import type { GroupWire } from '@headrace/cluster/authoring';
import { OptionError } from '@headrace/core';
import {
  type LogEntry,
  type LogLimits,
  type LogPage,
  type LogPosition,
  logOf,
} from '@headrace/store';
import { StoreRoom } from '../feed/store-room.ts';

/** The log of one durable group, for all its parts on this node. */
export class Room extends StoreRoom<LogEntry, LogPage, Uint8Array, LogPosition, LogLimits> {
  /** @throws OptionError for a bus without a log */
  constructor(wire: GroupWire, group: string, limits: LogLimits) {
    const { bus, subjects } = wire;
    const store = logOf(bus);
    if (store === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        `the group ${group} cannot be durable: the bus ${bus.name} has no log; ` +
          'memoryBus(), processBus(), natsBus() and redisBus() have one',
        { option: 'durable', bus: bus.name },
      );
    }
    super(wire, group, { what: 'log', store, stream: subjects.stream(group), limits });
  }
}
