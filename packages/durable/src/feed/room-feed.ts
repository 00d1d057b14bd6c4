import type { BusSubscription } from '@headrace/bus';
import type { GroupWire } from '@headrace/cluster/authoring';
import type { Timer } from '@headrace/core';
import type { LogEntry, LogPage, LogPosition } from '@headrace/store';
import { type CheckedFeed, FeedChecks } from './feed-checks.ts';
import type { FeedOrder, OrderAction } from './feed-order.ts';
import { RecentEntries } from './recent-entries.ts';

/** The log of one group, as a {@link RoomFeed} reads it. */
export interface FeedRoom<E, Page> {
  readonly wire: GroupWire;
  readonly isLeft: boolean;
  read(after: number, limit: number): Promise<Page>;
  follow(listener: (entry: E) => void): BusSubscription;
}

/** Notified by a {@link RoomFeed}. */
export interface RoomFeedOwner<E extends LogEntry = LogEntry> {
  /** Returns false for a live copy that no node of the cluster made. The position of such a copy is ignored too. */
  isOurs(entry: E): boolean;
  /** Called once for each entry, in order. */
  deliver(entry: E): void;
  skipped(from: LogPosition, to: LogPosition): void;
  /** The start of the feed is known, or the awaited entries have arrived. */
  moved(): void;
  /** Called for a state before its changes are delivered from the beginning; see `OrderAction`. */
  restarted?(at: LogPosition): void;
  /** Called for a state when the changes up to the position of the feed are delivered; see `OrderAction`. */
  reached?(at: LogPosition, floor: number): void;
  /** Called when the feed becomes stale or fresh. */
  freshnessChanged(): void;
  /** Returns true while the members of this node cannot accept more. Then `onceFree` calls its listener. */
  isBusy(): boolean;
  onceFree(listener: () => void): void;
}

/** Time after which a log that could not be read is read again. */
const RETRY_DELAY_MS = 300;
/** Time in which a stored entry comes back. Otherwise, the log is read. */
const EXPECTED_WITHIN_MS = 1000;

/** Time in which a store answers a read. Otherwise, the feed is stale. */
const ANSWER_WITHIN_MS = 2500;

interface Waiter {
  /** The number of the first read that can answer the waiter. */
  readonly read: number;
  readonly resolve: () => void;
}

/** The entries of one log, in order, while this node has members. */
export class RoomFeed<E extends LogEntry = LogEntry, Page = LogPage> implements CheckedFeed {
  private readonly recent: RecentEntries;
  private readonly room: FeedRoom<E, Page>;
  private readonly order: FeedOrder<E, Page>;
  private readonly owner: RoomFeedOwner<E>;
  private subscription: BusSubscription | undefined = undefined;
  /** Changes with each start and stop. */
  private turn = 0;
  private isPaused = false;
  /** Actions to carry out after the pause. */
  private rest: readonly OrderAction<E>[] = [];
  /** Whether the log contains an entry that was not accepted during the pause. */
  private isLookDue = false;
  private delivered: LogPosition | undefined = undefined;
  private waiters: Waiter[] = [];
  private again: Timer | undefined = undefined;
  private expecting: Timer | undefined = undefined;
  private expected: LogPosition | undefined = undefined;
  /** The number of live copies that no node made. `droppedAndRead` is the value of `dropped` at the last read of the log. */
  private dropped = 0;
  private droppedAndRead = 0;
  /** Kept while the feed is stopped, so that somebody who heard that it is stale hears when it is fresh. */
  private stale = false;
  private lastActivity = 0;

  /** @param recent - the number of newest entries to keep */
  constructor(
    room: FeedRoom<E, Page>,
    order: FeedOrder<E, Page>,
    recent: number,
    owner: RoomFeedOwner<E>,
  ) {
    this.room = room;
    this.order = order;
    this.owner = owner;
    this.recent = new RecentEntries(recent);
  }

  /** The position of the last delivered entry, or undefined while the start is not known. */
  get at(): LogPosition | undefined {
    return this.delivered;
  }

  /** Whether the store could not be read up to its end lately, so that it may have entries that are not delivered. */
  get isStale(): boolean {
    return this.isStarted && this.stale;
  }

  get activeAt(): number {
    return this.lastActivity;
  }

  get isStarted(): boolean {
    return this.subscription !== undefined;
  }

  /** Returns the entries that were delivered on this node after a position, or undefined if not all are kept. */
  recentAfter(epoch: string, offset: number): readonly LogEntry[] | undefined {
    const { at } = this;
    const isBehind = at?.epoch === epoch && offset <= at.offset;
    return isBehind ? this.recent.after(offset) : undefined;
  }

  /** Whether the log may have unread entries that no node of the cluster made. */
  get isDoubtful(): boolean {
    return this.isStarted && this.dropped > this.droppedAndRead;
  }

  /** Returns true if it is known that no node of the cluster made the entry at a position. */
  isForeign({ epoch, offset }: LogPosition): boolean {
    const [entry] = this.recentAfter(epoch, offset - 1) ?? [];
    return entry?.position.offset === offset && !this.owner.isOurs(entry as E);
  }

  start(): void {
    const { room } = this;
    if (this.isStarted || room.isLeft) return;
    this.subscription = room.follow((entry) => this.live(entry));
    const { wire } = room;
    wire.bus.on('up', this.onUp);
    wire.bus.on('down', this.onDown);
    this.noteActivity();
    FeedChecks.of(wire.bus, wire.host.clock).add(this);
    if (wire.bus.state === 'up') void this.begin();
  }

  stop(): void {
    if (!this.isStarted) return;
    this.turn += 1;
    const { subscription } = this;
    this.subscription = undefined;
    subscription?.close();
    const { bus, host } = this.room.wire;
    bus.off('up', this.onUp);
    bus.off('down', this.onDown);
    FeedChecks.of(bus, host.clock).delete(this);
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

  /**
   * Resolves when everything has been read that the log had at a read that begins now or later, or when the feed ends. The promise may
   * never settle.
   */
  caughtUp(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push({ read: this.order.readCount + 1, resolve });
      this.look();
    });
  }

  /** Expects a stored entry. If the entry does not arrive, the log is read. */
  expect(position: LogPosition): void {
    this.expected = position;
    this.expecting ??= this.room.wire.host.clock.schedule(() => {
      this.expecting = undefined;
      const { at, expected } = this;
      if (at === undefined || expected === undefined) return;
      if (at.epoch === expected.epoch && at.offset >= expected.offset) {
        // The entry may have arrived under another id.
        this.owner.moved();
      } else if (at.epoch === expected.epoch) this.look();
      // An entry of a log that no longer exists never arrives.
      else void this.caughtUp().then(() => this.owner.moved());
    }, EXPECTED_WITHIN_MS);
  }

  /** Every subscription is in force, and the log contains the messages of the meantime. */
  private readonly onUp = (): void => {
    this.again?.cancel();
    this.look();
  };

  private readonly onDown = (): void => this.setStale(true);

  /** Reads the store, whose answer shows that the feed is fresh. */
  check(): void {
    if (this.room.wire.bus.state === 'up') this.look();
  }

  private setStale(isStale: boolean): void {
    if (this.stale === isStale) return;
    this.stale = isStale;
    this.owner.freshnessChanged();
  }

  private noteActivity(): void {
    this.lastActivity = this.room.wire.host.clock.now();
  }

  /** Subscribes before it reads the position of the log. Entries in between can arrive twice, but none is missed. */
  private async begin(): Promise<void> {
    const { turn } = this;
    try {
      await this.room.wire.bus.settled();
    } catch {
      if (this.turn === turn) this.scheduleCheck();
      return;
    }
    if (this.turn === turn) this.look();
  }

  private look(): void {
    if (!this.isStarted) return;
    if (this.isPaused) this.isLookDue = true;
    else this.execute(this.order.look());
  }

  private live(entry: E): void {
    if (!this.owner.isOurs(entry)) {
      this.dropped += 1;
      return;
    }
    // Entries that are not accepted now are read from the log.
    this.noteActivity();
    if (this.isPaused) this.isLookDue = true;
    else this.execute(this.order.live(entry));
  }

  private pause(rest: readonly OrderAction<E>[]): void {
    const { turn } = this;
    this.isPaused = true;
    this.rest = rest;
    this.owner.onceFree(() => {
      if (this.turn !== turn) return;
      this.isPaused = false;
      this.execute(this.rest);
      if (this.isPaused || !this.isLookDue) return;
      this.isLookDue = false;
      this.look();
    });
  }

  private execute(actions: readonly OrderAction<E>[]): void {
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
      } else if (action.do === 'restart') {
        this.delivered = action.at;
        this.recent.restart(action.at.offset);
        owner.restarted?.(action.at);
      } else if (action.do === 'reached') {
        this.delivered = action.at;
        owner.reached?.(action.at, action.floor);
      } else void this.read(action.after, action.limit);
    }
  }

  private async read(after: number, limit: number): Promise<void> {
    const { turn, order, room } = this;
    const { readCount } = order;
    const { dropped } = this;
    const late = room.wire.host.clock.schedule(() => {
      if (this.turn === turn) this.setStale(true);
    }, ANSWER_WITHIN_MS);
    let page: Page;
    try {
      page = await room.read(after, limit);
    } catch {
      if (this.turn !== turn) return;
      order.failed();
      this.setStale(true);
      this.scheduleCheck();
      return;
    } finally {
      late.cancel();
    }
    if (this.turn !== turn) return;
    this.noteActivity();
    this.droppedAndRead = dropped;
    this.execute(order.page(page));
    if (order.isBehind || this.turn !== turn) return;
    if (room.wire.bus.state === 'up') this.setStale(false);
    this.wake(readCount);
  }

  private scheduleCheck(): void {
    const { clock, random } = this.room.wire.host;
    this.again?.cancel();
    // While the bus is down, wait for `up`.
    this.again = clock.schedule(
      () => {
        if (this.room.wire.bus.state === 'up') this.look();
      },
      RETRY_DELAY_MS * (0.5 + random() / 2),
    );
  }

  private wake(read: number): void {
    const { waiters } = this;
    this.waiters = waiters.filter((waiter) => waiter.read > read);
    for (const waiter of waiters) if (waiter.read <= read) waiter.resolve();
  }
}
