import type { BusSubscription } from '@headrace/bus';
import { BUS_ERRORS } from '@headrace/bus';
import type { GroupWire } from '@headrace/cluster/authoring';
import { ChannelError, type Timer } from '@headrace/core';
import { WAS_LEFT } from '../durable-errors.ts';
import type { FeedRoom } from './room-feed.ts';

/** A log, or a store of states. */
interface Store<Entry, Page, Write, Answer, Limits> {
  open(stream: string, limits: Limits): Promise<void>;
  append(stream: string, id: string, write: Write): Promise<Answer>;
  read(stream: string, after: number, limit: number): Promise<Page>;
  follow(stream: string, listener: (entry: Entry) => void): BusSubscription;
  release?(stream: string): void;
}

/** Time after the last use of a store after which it is released. A node that writes now and then need not open it each time. */
const RELEASE_AFTER_MS = 1000;

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
  /** Called when this node begins to use the store, and when it has released it. */
  onUse: ((isUsed: boolean) => void) | undefined = undefined;
  private isOpened = false;
  /** Number of calls under way and subscriptions. */
  private uses = 0;
  private usedAt = 0;
  private releasing: Timer | undefined = undefined;

  constructor(wire: GroupWire, group: string, part: StorePart<Entry, Page, Write, Answer, Limits>) {
    this.wire = wire;
    this.group = group;
    this.stream = part.stream;
    this.part = part;
  }

  append(id: string, write: Write): Promise<Answer> {
    return this.use((store) => store.append(this.stream, id, write));
  }

  read(after: number, limit: number): Promise<Page> {
    return this.use((store) => store.read(this.stream, after, limit));
  }

  follow(listener: (entry: Entry) => void): BusSubscription {
    const following = this.open().follow(this.stream, listener);
    let isClosed = false;
    this.uses += 1;
    return {
      close: () => {
        if (isClosed) return;
        isClosed = true;
        following.close();
        this.used();
      },
    };
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
      this.onUse?.(true);
      // The bus can be down. The store opens the stream when a call needs it.
      store.open(stream, limits).catch(() => {});
    }
    return store;
  }

  private async use<Outcome>(
    call: (store: Store<Entry, Page, Write, Answer, Limits>) => Promise<Outcome>,
  ): Promise<Outcome> {
    const store = this.open();
    this.uses += 1;
    try {
      return await call(store);
    } finally {
      this.used();
    }
  }

  /** Releases the stream in the store when nobody has used it for a while. */
  private used(): void {
    this.uses -= 1;
    if (this.uses > 0) return;
    const { clock } = this.wire.host;
    this.usedAt = clock.now();
    this.releasing ??= clock.schedule(() => this.release(), RELEASE_AFTER_MS);
  }

  private release(): void {
    const { clock } = this.wire.host;
    this.releasing = undefined;
    if (this.uses > 0 || this.isLeft) return;
    const idleMs = clock.now() - this.usedAt;
    if (idleMs < RELEASE_AFTER_MS) {
      this.releasing = clock.schedule(() => this.release(), RELEASE_AFTER_MS - idleMs);
      return;
    }
    this.isOpened = false;
    this.part.store.release?.(this.stream);
    this.onUse?.(false);
  }
}
