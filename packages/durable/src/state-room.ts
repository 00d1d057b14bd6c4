import {
  type BusSubscription,
  CLUSTER_ERRORS,
  type StateAnswer,
  type StateEntry,
  type StateLimits,
  type StateLog,
  type StatePage,
  type StateWrite,
} from '@headrace/cluster';
import type { GroupWire } from '@headrace/cluster/authoring';
import { ChannelError, OptionError } from '@headrace/core';
import { WAS_LEFT } from './durable-errors.ts';
import type { FeedRoom } from './room-feed.ts';

/** The answer of the store to a change that is within its limits. */
export type ChangeAnswer = Exclude<StateAnswer, { full: unknown }>;

/** The store of one state group, for all its parts on this node. */
export class StateRoom implements FeedRoom<StateEntry, StatePage> {
  readonly wire: GroupWire;
  readonly group: string;
  readonly stream: string;
  /** Whether the node has left the cluster. Then nothing is read or stored any more. */
  isLeft = false;
  private readonly log: StateLog;
  private readonly limits: StateLimits;
  private isOpened = false;

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
    this.wire = wire;
    this.group = group;
    this.stream = subjects.state(group);
    this.log = bus.stateLog;
    this.limits = limits;
  }

  async append(id: string, write: StateWrite): Promise<StateAnswer> {
    this.open();
    return this.log.append(this.stream, id, write);
  }

  async read(after: number, limit: number): Promise<StatePage> {
    this.open();
    return this.log.read(this.stream, after, limit);
  }

  follow(listener: (entry: StateEntry) => void): BusSubscription {
    this.open();
    return this.log.follow(this.stream, listener);
  }

  /** Makes a `BUS_DOWN` for callers. @param why - the text after the name of the bus */
  downError(why: string): ChannelError {
    const { name: bus } = this.wire.bus;
    const text = `the state of ${this.group} on the bus ${bus} ${why}`;
    return new ChannelError(CLUSTER_ERRORS.BUS_DOWN, text, { bus });
  }

  /** Opens the state in the store, once. @throws ChannelError `BUS_DOWN` when the cluster was left */
  private open(): void {
    if (this.isLeft) throw this.downError(WAS_LEFT);
    if (this.isOpened) return;
    this.isOpened = true;
    // The bus can be down. The store opens the state when a call needs it.
    this.log.open(this.stream, this.limits).catch(() => {});
  }
}
