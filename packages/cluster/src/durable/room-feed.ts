import type { Timer } from '@headrace/core';
import type { BusSubscription } from '../bus/bus.ts';
import type { LogEntry, LogPage, LogPosition } from '../log/log.ts';
import { EntryOrder, type OrderAction } from './entry-order.ts';
import { RecentEntries } from './recent-entries.ts';
import type { Room } from './room.ts';

/** Notified by a {@link RoomFeed}. */
export interface RoomFeedOwner {
  /** False for a live copy that no node of the cluster made: it says nothing, not even where the log is. */
  isOurs(entry: LogEntry): boolean;
  /** Once each, in order. */
  deliver(entry: LogEntry): void;
  skipped(from: LogPosition, to: LogPosition): void;
  /** The start of the feed is known, or the awaited entries have come. */
  moved(): void;
  /** True while the members here cannot take more; then `onceFree` calls back. */
  isBusy(): boolean;
  onceFree(listener: () => void): void;
}

/** A log that could not be read is read again after so long. */
const AGAIN_MS = 300;
/** An entry that was stored here comes back within this time, or the log is read. */
const EXPECTED_WITHIN_MS = 1000;

interface Waiter {
  /** The read that answers it. */
  readonly read: number;
  readonly resolve: () => void;
}

/** The entries of one log, in order, for as long as there are members here. */
export class RoomFeed {
  private readonly recent: RecentEntries;
  private readonly room: Room;
  private readonly owner: RoomFeedOwner;
  private readonly order = new EntryOrder();
  private subscription: BusSubscription | undefined = undefined;
  /** Changes with each start and stop. */
  private turn = 0;
  private isPaused = false;
  /** Actions to carry out after the pause. */
  private rest: readonly OrderAction[] = [];
  /** Something that was not taken in the pause is in the log. */
  private isLookDue = false;
  private delivered: LogPosition | undefined = undefined;
  private waiters: Waiter[] = [];
  private again: Timer | undefined = undefined;
  private expecting: Timer | undefined = undefined;
  private expected: LogPosition | undefined = undefined;
  /** Live copies that no node made, and how many of them the log was read after. */
  private dropped = 0;
  private droppedAndRead = 0;

  /** @param recent - how many of the newest entries are kept here */
  constructor(room: Room, recent: number, owner: RoomFeedOwner) {
    this.room = room;
    this.owner = owner;
    this.recent = new RecentEntries(recent);
  }

  /** The position of the last delivered entry; undefined as long as the start is not known. */
  get at(): LogPosition | undefined {
    return this.delivered;
  }

  get isStarted(): boolean {
    return this.subscription !== undefined;
  }

  /** The entries that were delivered here after a position; undefined if not all are kept. */
  recentAfter(epoch: string, offset: number): readonly LogEntry[] | undefined {
    const { at } = this;
    const isBehind = at?.epoch === epoch && offset <= at.offset;
    return isBehind ? this.recent.after(offset) : undefined;
  }

  /** True if the log may have something that no node of the cluster made, and that was not read from it. */
  get isDoubtful(): boolean {
    return this.isStarted && this.dropped > this.droppedAndRead;
  }

  /** True if it is known that no node of the cluster made what is stored there. */
  isForeign({ epoch, offset }: LogPosition): boolean {
    const [entry] = this.recentAfter(epoch, offset - 1) ?? [];
    return entry?.position.offset === offset && !this.owner.isOurs(entry);
  }

  start(): void {
    const { room } = this;
    if (this.isStarted || room.isLeft) return;
    this.subscription = room.follow((entry) => this.live(entry));
    const { wire } = room;
    wire.bus.on('up', this.onUp);
    if (wire.bus.state === 'up') void this.begin();
  }

  stop(): void {
    if (!this.isStarted) return;
    this.turn += 1;
    this.subscription?.close();
    this.subscription = undefined;
    this.room.wire.bus.off('up', this.onUp);
    this.again?.cancel();
    this.expecting?.cancel();
    this.expecting = undefined;
    this.expected = undefined;
    this.isPaused = false;
    this.rest = [];
    this.isLookDue = false;
    this.delivered = undefined;
    this.order.reset();
    this.recent.restart(undefined);
    this.wake(Number.POSITIVE_INFINITY);
  }

  /** Resolves after a read of the log that begins now or later, or the end of this feed. It may never come to that. */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push({ read: this.order.readCount + 1, resolve });
      this.look();
    });
  }

  /** This was stored: if it does not come by itself, the log is read. */
  expect(position: LogPosition): void {
    this.expected = position;
    this.expecting ??= this.room.wire.host.clock.schedule(() => {
      this.expecting = undefined;
      const { at, expected } = this;
      if (at === undefined || expected === undefined) return;
      if (at.epoch === expected.epoch && at.offset >= expected.offset) {
        // The entry may have come under another id.
        this.owner.moved();
      } else if (at.epoch === expected.epoch) this.look();
      // One of a log that is not there any more never comes.
      else void this.caughtUp().then(() => this.owner.moved());
    }, EXPECTED_WITHIN_MS);
  }

  /** Every subscription is in force, and what came meanwhile is in the log. */
  private readonly onUp = (): void => {
    this.again?.cancel();
    this.look();
  };

  /** Follows first, then looks where the log is: what lies between comes twice rather than not at all. */
  private async begin(): Promise<void> {
    const { turn } = this;
    try {
      await this.room.wire.bus.settled();
    } catch {
      if (this.turn === turn) this.lookLater();
      return;
    }
    if (this.turn === turn) this.look();
  }

  private look(): void {
    if (!this.isStarted) return;
    if (this.isPaused) this.isLookDue = true;
    else this.carryOut(this.order.look());
  }

  private live(entry: LogEntry): void {
    if (!this.owner.isOurs(entry)) {
      this.dropped += 1;
      return;
    }
    // Entries that are not taken now are read from the log.
    if (this.isPaused) this.isLookDue = true;
    else this.carryOut(this.order.live(entry));
  }

  private pause(rest: readonly OrderAction[]): void {
    const { turn } = this;
    this.isPaused = true;
    this.rest = rest;
    this.owner.onceFree(() => {
      if (this.turn !== turn) return;
      this.isPaused = false;
      this.carryOut(this.rest);
      if (this.isPaused || !this.isLookDue) return;
      this.isLookDue = false;
      this.look();
    });
  }

  private carryOut(actions: readonly OrderAction[]): void {
    const { owner, turn } = this;
    for (const [i, action] of actions.entries()) {
      // Delivering an entry can remove the last reader.
      if (this.turn !== turn) return;
      if (owner.isBusy()) {
        this.pause(actions.slice(i));
        return;
      }
      if (action.do === 'deliver') {
        this.delivered = action.entry.position;
        this.recent.add(action.entry);
        owner.deliver(action.entry);
      } else if (action.do === 'skip') {
        this.recent.restart(undefined);
        owner.skipped(action.from, action.to);
      } else if (action.do === 'begin') {
        this.delivered = action.at;
        this.recent.restart(action.at.offset);
        owner.moved();
      } else void this.read(action.after, action.limit);
    }
  }

  private async read(after: number, limit: number): Promise<void> {
    const { turn, order, room } = this;
    const { readCount } = order;
    const { dropped } = this;
    let page: LogPage;
    try {
      page = await room.read(after, limit);
    } catch {
      if (this.turn !== turn) return;
      order.failed();
      this.lookLater();
      return;
    }
    if (this.turn !== turn) return;
    this.droppedAndRead = dropped;
    this.carryOut(order.page(page));
    this.wake(readCount);
  }

  private lookLater(): void {
    const { clock, random } = this.room.wire.host;
    this.again?.cancel();
    // While the bus is down, its `up` comes first.
    this.again = clock.schedule(
      () => {
        if (this.room.wire.bus.state === 'up') this.look();
      },
      AGAIN_MS * (0.5 + random() / 2),
    );
  }

  private wake(read: number): void {
    const { waiters } = this;
    this.waiters = waiters.filter((waiter) => waiter.read > read);
    for (const waiter of waiters) if (waiter.read <= read) waiter.resolve();
  }
}
