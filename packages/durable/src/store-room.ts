import type { BusSubscription } from '@headrace/bus';
import { BUS_ERRORS } from '@headrace/bus';
import type { GroupWire } from '@headrace/cluster/authoring';
import { ChannelError } from '@headrace/core';
import { WAS_LEFT } from './durable-errors.ts';
import type { FeedRoom } from './room-feed.ts';

/** A log, or a store of states. */
interface Store<Entry, Page, Write, Answer, Limits> {
  open(stream: string, limits: Limits): Promise<void>;
  append(stream: string, id: string, write: Write): Promise<Answer>;
  read(stream: string, after: number, limit: number): Promise<Page>;
  follow(stream: string, listener: (entry: Entry) => void): BusSubscription;
}

/** The part of a store that belongs to one group. */
export interface StorePart<Entry, Page, Write, Answer, Limits> {
  readonly what: 'log' | 'state';
  readonly store: Store<Entry, Page, Write, Answer, Limits>;
  readonly stream: string;
  readonly limits: Limits;
}

/** The store of one group, for all its parts on this node. */
export class StoreRoom<Entry, Page, Write, Answer, Limits> implements FeedRoom<Entry, Page> {
  readonly wire: GroupWire;
  readonly group: string;
  readonly stream: string;
  /** Whether the node has left the cluster. Then nothing is read or stored any more. */
  isLeft = false;
  private readonly part: StorePart<Entry, Page, Write, Answer, Limits>;
  private isOpened = false;

  constructor(wire: GroupWire, group: string, part: StorePart<Entry, Page, Write, Answer, Limits>) {
    this.wire = wire;
    this.group = group;
    this.stream = part.stream;
    this.part = part;
  }

  async append(id: string, write: Write): Promise<Answer> {
    return this.open().append(this.stream, id, write);
  }

  async read(after: number, limit: number): Promise<Page> {
    return this.open().read(this.stream, after, limit);
  }

  follow(listener: (entry: Entry) => void): BusSubscription {
    return this.open().follow(this.stream, listener);
  }

  /** Makes a `BUS_DOWN` for callers. @param why - the text after the name of the bus */
  downError(why: string): ChannelError {
    const { name: bus } = this.wire.bus;
    const text = `the ${this.part.what} of ${this.group} on the bus ${bus} ${why}`;
    return new ChannelError(BUS_ERRORS.BUS_DOWN, text, { bus });
  }

  /** Opens the stream in the store, once. @throws ChannelError `BUS_DOWN` when the cluster was left */
  private open(): Store<Entry, Page, Write, Answer, Limits> {
    // The store of a closed bus knows no stream.
    if (this.isLeft) throw this.downError(WAS_LEFT);
    const { store, stream, limits } = this.part;
    if (!this.isOpened) {
      this.isOpened = true;
      // The bus can be down. The store opens the stream when a call needs it.
      store.open(stream, limits).catch(() => {});
    }
    return store;
  }
}
