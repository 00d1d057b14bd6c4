import type { PlaceBalance } from './place-balance.ts';
import { placeKey } from './place-key.ts';

/** Order in which the places of a list are tried. */
export type AddressOrder = 'shuffle' | 'given';

interface Entry<P> {
  readonly place: P;
  readonly key: string;
}

interface Failures {
  /** Number of consecutive failures, which a stable connection resets. */
  readonly count: number;
  /** Sequence number of the last failure among the failures of all places. */
  readonly at: number;
}

const NONE: Failures = { count: 0, at: 0 };

/**
 * A list of places that are tried in rounds, each place once in a round. A place that was just left as planned comes last, and has
 * not failed. Of the others, places with fewer failures come first. Equal places are
 * sorted by the connections of other clients to them, fewest first. Places that are still equal are sorted by their last failure,
 * oldest first, and then by the order of the list. A place that asked for a rest is in no round until then, unless all places
 * rest: then the place whose rest ends first is tried. A new list begins a round. If the order is `shuffle`, places that are also in
 * the old list keep their order.
 */
export class AddressRing<P> {
  /** Whether the places are tried in the order of the list. */
  readonly isGiven: boolean;
  private readonly random: () => number;
  private readonly balance: PlaceBalance | undefined;
  private readonly now: () => number;
  private readonly failures = new Map<string, Failures>();
  /** Times until which places rest. */
  private readonly rests = new Map<string, number>();
  private readonly tried = new Set<string>();
  private entries: Entry<P>[] = [];
  private failureCount = 0;
  /** Place whose last connection had a planned end. */
  private left: string | undefined = undefined;

  /** @param balance - counter of the connections of other clients; ignored for the order `given` */
  constructor(
    order: AddressOrder,
    random: () => number,
    balance?: PlaceBalance,
    now: () => number = () => 0,
  ) {
    this.isGiven = order === 'given';
    this.random = random;
    this.now = now;
    this.balance = order === 'shuffle' ? balance : undefined;
  }

  get places(): readonly P[] {
    return this.entries.map(({ place }) => place);
  }

  get size(): number {
    return this.entries.length;
  }

  get hasNext(): boolean {
    return this.entries.some(({ key }) => !this.tried.has(key) && this.restOf(key) === 0);
  }

  /** Time until the first place may be tried, 0 if one may be tried now. */
  get restMs(): number {
    return this.size === 0 ? 0 : Math.min(...this.entries.map(({ key }) => this.restOf(key)));
  }

  /** Leaves a place in peace for this time. */
  rest(place: P, restMs: number): void {
    const key = placeKey(place);
    if (restMs > 0 && this.isListed(key)) this.rests.set(key, this.now() + restMs);
    else this.rests.delete(key);
  }

  /** Returns true if the list has a place besides this one. */
  hasBeside(place: P): boolean {
    const key = placeKey(place);
    return this.entries.some((entry) => entry.key !== key);
  }

  has(place: P): boolean {
    return this.entries.some((entry) => entry.place === place);
  }

  /** Returns the next place and marks it as tried. */
  next(): P | undefined {
    let best: Entry<P> | undefined;
    for (const entry of this.entries) {
      if (this.tried.has(entry.key)) continue;
      if (best === undefined || this.compare(entry, best) < 0) best = entry;
    }
    if (best !== undefined) this.tried.add(best.key);
    return best?.place;
  }

  update(places: readonly P[]): void {
    const given = places.map((place) => ({ place, key: placeKey(place) }));
    const known = new Set(given.map(({ key }) => key));
    for (const map of [this.failures, this.rests]) {
      for (const key of map.keys()) if (!known.has(key)) map.delete(key);
    }
    this.entries = this.isGiven ? given : this.keepTurns(given);
    this.beginRound();
  }

  beginRound(): void {
    this.tried.clear();
  }

  markTried(place: P): void {
    this.tried.add(placeKey(place));
  }

  /** Marks a place as untried, because its try was given up for another place. */
  giveBack(place: P): void {
    this.tried.delete(placeKey(place));
  }

  /** Records a connection that has ended, and whether its end was planned. */
  lost(place: P, isPlanned: boolean): void {
    this.left = isPlanned ? placeKey(place) : undefined;
    if (!isPlanned) this.failed(place);
  }

  failed(place: P): void {
    const key = placeKey(place);
    if (!this.isListed(key)) return;
    const { count } = this.failures.get(key) ?? NONE;
    this.failureCount += 1;
    this.failures.set(key, { count: count + 1, at: this.failureCount });
  }

  /** Forgets the failures of a place whose connection was stable. */
  wasStable(place: P): void {
    this.failures.delete(placeKey(place));
  }

  forgive(): void {
    this.failures.clear();
  }

  /** A place that a server named once is in no round, and nothing is remembered of it. */
  private isListed(key: string): boolean {
    return this.entries.some((entry) => entry.key === key);
  }

  private restOf(key: string): number {
    return Math.max(0, (this.rests.get(key) ?? 0) - this.now());
  }

  private compare(a: Entry<P>, b: Entry<P>): number {
    const { balance, left } = this;
    const longer = this.restOf(a.key) - this.restOf(b.key);
    if (longer !== 0) return longer;
    if (a.key === left || b.key === left) return a.key === left ? 1 : -1;
    const [one, other] = [this.failures.get(a.key) ?? NONE, this.failures.get(b.key) ?? NONE];
    const difference = one.count - other.count;
    if (difference !== 0) return difference;
    const load = balance && balance.connectionsTo(a.place) - balance.connectionsTo(b.place);
    return load || one.at - other.at;
  }

  private keepTurns(given: readonly Entry<P>[]): Entry<P>[] {
    const left = [...given];
    const kept = this.entries.flatMap(({ key }) => {
      const index = left.findIndex((entry) => entry.key === key);
      return index === -1 ? [] : left.splice(index, 1);
    });
    for (const entry of left) {
      kept.splice(Math.floor(this.random() * (kept.length + 1)), 0, entry);
    }
    return kept;
  }
}
