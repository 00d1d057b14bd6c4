import type { Bus } from '@headrace/bus';
import type { Clock, Timer } from '@headrace/core';

/** A feed that wants to know whether its store still answers. */
export interface CheckedFeed {
  readonly isStale: boolean;
  /** The time at which the store last gave the feed anything. */
  readonly activeAt: number;
  /** Reads the store. */
  check(): void;
}

/** Time between two checks of the feeds of a bus. */
const POLL_INTERVAL_MS = 1000;
/** A feed that was given something within this time is not checked. */
const QUIET_AFTER_MS = 5000;
/** Maximum number of feeds that are checked at once when a store has not answered. */
const MAX_CHECKS = 128;

const checks = new WeakMap<Bus, FeedChecks>();

/**
 * Reads the stores of quiet feeds, one after another, because a connection that is up does not show that the store behind it answers:
 * its server can be cut off from those that have the store. While all answer, a node reads at most once a second for all its feeds. When
 * one does not answer, many are checked at once.
 */
export class FeedChecks {
  private readonly clock: Clock;
  private readonly feeds = new Set<CheckedFeed>();
  private timer: Timer | undefined = undefined;

  private constructor(clock: Clock) {
    this.clock = clock;
  }

  static of(bus: Bus, clock: Clock): FeedChecks {
    let its = checks.get(bus);
    if (its === undefined) {
      its = new FeedChecks(clock);
      checks.set(bus, its);
    }
    return its;
  }

  add(feed: CheckedFeed): void {
    this.feeds.add(feed);
    this.timer ??= this.clock.schedule(() => this.poll(), POLL_INTERVAL_MS);
  }

  delete(feed: CheckedFeed): void {
    this.feeds.delete(feed);
    if (this.feeds.size > 0) return;
    this.timer?.cancel();
    this.timer = undefined;
  }

  private poll(): void {
    this.timer = this.clock.schedule(() => this.poll(), POLL_INTERVAL_MS);
    const { feeds } = this;
    const quietSince = this.clock.now() - QUIET_AFTER_MS;
    let isAnyStale = false;
    const due: CheckedFeed[] = [];
    for (const feed of feeds) {
      isAnyStale ||= feed.isStale;
      if (feed.activeAt <= quietSince && due.length < MAX_CHECKS) due.push(feed);
    }
    for (const feed of isAnyStale ? due : due.slice(0, 1)) {
      // The next time, the others come first.
      feeds.delete(feed);
      feeds.add(feed);
      feed.check();
    }
  }
}
