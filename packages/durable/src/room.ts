import {
  type BusSubscription,
  CLUSTER_ERRORS,
  type Log,
  type LogEntry,
  type LogLimits,
  type LogPage,
  type LogPosition,
} from '@headrace/cluster';
import type { GroupWire } from '@headrace/cluster/authoring';
import { ChannelError, OptionError } from '@headrace/core';
import { WAS_LEFT } from './durable-errors.ts';

/** The log of one durable group, for all its parts on this node. */
export class Room {
  readonly wire: GroupWire;
  readonly group: string;
  readonly stream: string;
  /** Whether the node has left the cluster. Then nothing is read or stored any more. */
  isLeft = false;
  private readonly log: Log;
  private readonly limits: LogLimits;
  private isOpened = false;

  /** @throws OptionError for a bus without a log */
  constructor(wire: GroupWire, group: string, limits: LogLimits) {
    const { bus, subjects } = wire;
    if (bus.log === undefined) {
      throw new OptionError(
        'OPTION_CONFLICT',
        `the group ${group} cannot be durable: the bus ${bus.name} has no log; ` +
          'memoryBus(), processBus(), natsBus() and redisBus() have one',
        { option: 'durable', bus: bus.name },
      );
    }
    this.wire = wire;
    this.group = group;
    this.stream = subjects.stream(group);
    this.log = bus.log;
    this.limits = limits;
  }

  append(id: string, bytes: Uint8Array): Promise<LogPosition> {
    this.open();
    return this.log.append(this.stream, id, bytes);
  }

  async read(after: number, limit: number): Promise<LogPage> {
    // The log of a closed bus knows no stream.
    if (this.isLeft) throw this.downError(WAS_LEFT);
    this.open();
    return this.log.read(this.stream, after, limit);
  }

  follow(listener: (entry: LogEntry) => void): BusSubscription {
    this.open();
    return this.log.follow(this.stream, listener);
  }

  /** Makes a `BUS_DOWN` for callers. @param why - the text after the name of the bus */
  downError(why: string): ChannelError {
    const { name: bus } = this.wire.bus;
    const text = `the log of ${this.group} on the bus ${bus} ${why}`;
    return new ChannelError(CLUSTER_ERRORS.BUS_DOWN, text, { bus });
  }

  /** Opens the stream in the log, once. */
  private open(): void {
    if (this.isOpened) return;
    this.isOpened = true;
    // The bus can be down. The log opens the stream when a call needs it.
    this.log.open(this.stream, this.limits).catch(() => {});
  }
}
